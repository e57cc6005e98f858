"""What a run needs of its surroundings, asked all at once before anything else: what is missing is said within seconds.

A store, a model or a scheduler that does not answer is waited for by its own library for minutes, one after the other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import UnreachableError
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.uris import without_secrets
from ig_tasks.stages.planning import require_writable_store
from ig_tasks.store.filesystems import filesystem_of

__all__ = ["PREFLIGHT_SECONDS", "require_surroundings"]

PREFLIGHT_SECONDS = 12.0


def require_surroundings(spec: ExplanationSpec, workers: ComputeSession | None = None) -> None:
    """Refuse a run whose store cannot be written to, or whose model, data or scheduler do not answer.

    Args:
        spec: of the run.
        workers: its workers; None: they are not asked for.

    Raises:
        UserError: the first thing that is missing, in one line, within `PREFLIGHT_SECONDS`.
    """
    places = {"model.uri": spec.model.uri, "data.uri": spec.data.uri, "baseline.uri": spec.baseline.uri}
    asked: dict[str, Callable[[], object]] = {f"store {spec.store_uri()}": lambda: require_writable_store(spec)}
    asked |= {f"{field} {uri}": _answering(str(uri)) for field, uri in places.items() if uri and _is_remote(str(uri))}
    if workers is not None:
        asked["compute"] = workers.require_reachable
    _ask_all(asked)


def _answering(uri: str) -> Callable[[], object]:
    """Whether the host of a place answers; what it says is the business of whoever reads there."""

    def ask() -> None:
        try:
            filesystem, path = filesystem_of(uri)
            filesystem.exists(path)
        except Exception:  # noqa: BLE001 - it has answered
            return

    return ask


def _is_remote(uri: str) -> bool:
    scheme, found, _ = uri.partition("://")
    return bool(found) and scheme not in ("file", "memory", "models", "runs")


def _ask_all(asked: dict[str, Callable[[], object]]) -> None:
    """Ask everything at once.

    Raises:
        IgTasksError: what was said first, in the order of `asked`.
        UnreachableError: of what did not answer in time.
    """
    errors: dict[str, BaseException] = {}

    def ask(name: str, question: Callable[[], object]) -> None:
        try:
            question()
        except Exception as error:  # noqa: BLE001 - it is raised where everything was asked
            errors[name] = error

    # Daemons: what hangs in a library keeps no process from ending.
    threads = {
        name: threading.Thread(target=ask, args=(name, question), name=f"preflight {name}", daemon=True)
        for name, question in asked.items()
    }
    deadline = time.monotonic() + PREFLIGHT_SECONDS
    for thread in threads.values():
        thread.start()
    for name, thread in threads.items():
        thread.join(max(0.0, deadline - time.monotonic()))
        if name in errors:
            raise errors[name]
        if thread.is_alive():
            raise UnreachableError(
                f"{without_secrets(name)}: no answer within {PREFLIGHT_SECONDS:g} s; see to the address, the network "
                "and the credentials"
            )
