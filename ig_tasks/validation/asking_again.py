"""A run's model asked about its rows again, after the run: what is kept of that, or why it could not be asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import IgTasksError, ResourceError, WorkerLostError, brief
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.crossed_runs import CROSSED
from ig_tasks.stages.kept_results import KeptTask, kept_results
from ig_tasks.store import Folder
from ig_tasks.validation.drift.period import Period

__all__ = ["Say", "asked_again"]

Say = Callable[[str], None]


def asked_again(
    run: Period,
    spec: ExplanationSpec,
    work: Callable[..., Any],
    tasks: Callable[[], Sequence[KeptTask]],
    *,
    what: str,
    session: ComputeSession,
    say: Say,
    log: Say | None = None,
) -> tuple[list[dict[str, Any]], str]:
    """The results of tasks on a run's rows, in their order, and why there are none: a sentence, else nothing.

    Results lie beside the run; what is there already is not computed again.

    Args:
        work, what, session, say, log: as for `kept_results`.
        tasks: makes the tasks; it may find that model or data cannot be reached any more.

    Raises:
        WorkerLostError, ResourceError: of the workers; what was computed stays.
    """
    folder = Folder(run.folder.uri.rpartition("/")[0])
    try:
        return kept_results(
            folder, CROSSED, session, work, tasks(), what=what, say=say, log=log, retries=spec.compute.retries
        ), ""
    except (WorkerLostError, ResourceError):
        raise
    except IgTasksError as error:
        return [], f"{brief(error)}."
