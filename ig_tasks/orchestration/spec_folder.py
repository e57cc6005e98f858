"""A DAG for every spec in a folder, whatever is wrong with one of them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from ig_tasks.errors import IgTasksError, SpecError
from ig_tasks.orchestration.broken import broken_dag
from ig_tasks.orchestration.factory import ig_dag
from ig_tasks.orchestration.failures import one_line
from ig_tasks.orchestration.last_good import last_good, remember
from ig_tasks.spec import ExplanationSpec, load_spec
from ig_tasks.spec.standing import Standing, standing_of

__all__ = ["RESERVED", "SPECS_VARIABLE", "ig_dags", "loaded_specs", "require_specs"]

SPECS_VARIABLE = "IG_TASKS_SPECS"

RESERVED = ("feature_validation", "explain_on_demand")
"""Names that no spec may have: the DAGs `ig_<name>` are those of all specs."""


def ig_dags(folder: str | Path, **dag_arguments: Any) -> list[DAG]:
    """The DAGs of all specs (`*.yaml`, `*.yml`) in a folder, in order of their file names.

    A spec that does not load leaves the others alone. Its DAG is tagged `broken-spec` and keeps id, schedule, owner and
    tags, as far as the text gives them and else as its last good version had them; its one task fails with what is
    wrong. Airflow's list of import errors has it too if another file of the DAG folder calls `require_specs`.

    Args:
        folder: where the specs lie, unless the variable IG_TASKS_SPECS of the environment names another place.
        dag_arguments: as for `ig_dag`.

    Raises:
        SpecError: if there is no such folder.
    """
    good, broken = _read(_specs_folder(folder), dag_arguments)
    dags = {dag.dag_id: dag for _, dag in good.values()}
    for path, (spec, _) in good.items():
        remember(path, Standing.of(spec))
    names = [spec.name for spec, _ in good.values()]
    return [*dags.values(), *_broken_dags(broken, names, dags, dag_arguments)]


def require_specs(folder: str | Path, **dag_arguments: Any) -> None:
    """Raise what is wrong with the specs of a folder; makes no DAG.

    For a file of its own in Airflow's DAG folder, so that Airflow lists broken specs among its import errors. Airflow
    no longer schedules the DAGs of a file that raises: the file that calls `ig_dags` must not be the one that does.

    Args:
        folder: as for `ig_dags`.
        **dag_arguments: as for `ig_dags`.

    Raises:
        SpecError: a line for each spec that does not load, or if there is no such folder.
    """
    _, broken = _read(_specs_folder(folder), {**dag_arguments, "auto_register": False})
    if broken:
        raise SpecError("\n".join(broken.values()))


def loaded_specs(folder: str | Path) -> dict[str, ExplanationSpec]:
    """{name: spec} of the specs of a folder that load, in order; makes no DAG. What is wrong with others is not said.

    Raises:
        SpecError: if there is no such folder.
    """
    return {spec.name: spec for spec in _specs(_specs_folder(folder), {}).values()}


def _specs_folder(folder: str | Path) -> Path:
    place = Path(os.environ.get(SPECS_VARIABLE) or folder).absolute()
    if not place.is_dir():
        raise SpecError(f"{place}: there is no such folder; put specs there, or set {SPECS_VARIABLE} to their folder")
    return place


def _read(
    place: Path, dag_arguments: Mapping[str, Any]
) -> tuple[dict[Path, tuple[ExplanationSpec, DAG]], dict[Path, str]]:
    """The specs of a folder with their DAGs, and what is wrong with the others."""
    broken: dict[Path, str] = {}
    good: dict[Path, tuple[ExplanationSpec, DAG]] = {}
    for path, spec in _specs(place, broken).items():
        with _collecting_errors(path, broken):
            good[path] = (spec, ig_dag(spec, **dag_arguments))
    return good, broken


def _specs(place: Path, broken: dict[Path, str]) -> dict[Path, ExplanationSpec]:
    """The specs of a folder that load, each name once; what is wrong with the others is noted in `broken`."""
    specs: dict[Path, ExplanationSpec] = {}
    for path in sorted(entry for entry in place.iterdir() if _is_spec(entry)):
        with _collecting_errors(path, broken):
            specs[path] = load_spec(path)
    owners = _owners(specs)
    good: dict[Path, ExplanationSpec] = {}
    for path, spec in specs.items():
        with _collecting_errors(path, broken):
            if owners[spec.name] != path:
                message = f"{path.name}: name: {spec.name!r} is taken by {owners[spec.name].name}; choose another"
                raise SpecError(message)
            if spec.name in RESERVED:
                raise SpecError(f"{path.name}: name: {spec.name!r} is the DAG of all specs; choose another")
            good[path] = spec
    return good


@contextmanager
def _collecting_errors(path: Path, broken: dict[Path, str]) -> Iterator[None]:
    """Note what is wrong with one file, so that it does not take the DAGs of the others with it."""
    try:
        yield
    except IgTasksError as error:
        line = one_line(str(error))
        broken[path] = line if path.name in line else f"{path.name}: {line}"
    except Exception as error:  # noqa: BLE001 - an odd spec may trip Airflow itself
        broken[path] = one_line(f"{path.name}: no DAG can be made of it ({type(error).__name__}: {error})")


def _owners(specs: Mapping[Path, ExplanationSpec]) -> dict[str, Path]:
    """Which file has a name that several claim: the one called like it, else the first."""
    owners: dict[str, Path] = {}
    for path, spec in specs.items():
        if spec.name not in owners or path.stem == spec.name:
            owners[spec.name] = path
    return owners


def _is_spec(path: Path) -> bool:
    return path.suffix.lower() in {".yaml", ".yml"} and path.is_file() and not path.name.startswith((".", "_"))


def _broken_dags(
    broken: Mapping[Path, str], names: Collection[str], ids_taken: Collection[str], dag_arguments: Mapping[str, Any]
) -> Iterator[DAG]:
    """A DAG for each spec that does not load, under the id that it would have unless another spec has it."""
    ids = {*ids_taken, *(f"ig_{name}" for name in RESERVED)}
    for path, message in broken.items():
        standing = standing_of(_text_of(path), last_good(path))
        name = standing.name if standing.name and standing.name not in names else path.stem
        dag = broken_dag(_free_id(name, ids), message, standing, dag_arguments)
        ids.add(dag.dag_id)
        yield dag


def _text_of(path: Path) -> str:
    """The file's text as far as it is text."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _free_id(stem: str, ids_taken: Collection[str]) -> str:
    wanted = "ig_" + (re.sub(r"[^A-Za-z0-9_.-]+", "_", stem)[:200] or "spec")
    dag_id, count = wanted, 1
    while dag_id in ids_taken:
        count += 1
        dag_id = f"{wanted}_{count}"
    return dag_id
