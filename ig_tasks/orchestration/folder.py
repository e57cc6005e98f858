"""A DAG for every spec in a folder, whatever is wrong with one of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator

from ig_tasks.errors import IgTasksError, SpecError
from ig_tasks.orchestration.docs import plain
from ig_tasks.orchestration.factory import ig_dag
from ig_tasks.orchestration.failures import one_line, plain_failures, retry_policy
from ig_tasks.spec import ExplanationSpec, load_spec

__all__ = ["SPECS_VARIABLE", "ig_dags"]

SPECS_VARIABLE = "IG_TASKS_SPECS"


def ig_dags(folder: str | Path, **dag_arguments: Any) -> list[DAG]:
    """The DAGs of all specs (`*.yaml`, `*.yml`) in a folder, in order of their file names.

    A spec that does not load becomes an unscheduled DAG `ig_<file>` tagged `broken-spec`, whose one task
    fails with what is wrong; the others are not touched by it.

    Args:
        folder: where the specs lie, unless the variable IG_TASKS_SPECS of the environment names another place.
        dag_arguments: as for `ig_dag`.

    Raises:
        SpecError: if there is no such folder.
    """
    place = Path(os.environ.get(SPECS_VARIABLE) or folder).absolute()
    if not place.is_dir():
        raise SpecError(f"{place}: there is no such folder; put specs there, or set {SPECS_VARIABLE} to their folder")
    dags: dict[str, DAG] = {}
    broken: dict[Path, str] = {}
    specs: dict[Path, ExplanationSpec] = {}
    for path in sorted(entry for entry in place.iterdir() if _is_spec(entry)):
        with _kept_apart(path, broken):
            specs[path] = load_spec(path)
    owners = _owners(specs)
    for path, spec in specs.items():
        with _kept_apart(path, broken):
            if owners[spec.name] != path:
                taken = f"{path.name}: name: {spec.name!r} is taken by {owners[spec.name].name}; choose another"
                raise SpecError(taken)
            dag = ig_dag(spec, **dag_arguments)
            dags[dag.dag_id] = dag
    for path, message in broken.items():
        dag = _broken_dag(_free_id(path.stem, dags), message)
        dags[dag.dag_id] = dag
    return list(dags.values())


class BrokenSpecOperator(BaseOperator):
    """Fails with what is wrong with a spec."""

    ui_color = "#f7dcdc"

    def __init__(self, *, message: str, **operator_arguments: Any) -> None:
        super().__init__(**operator_arguments)
        self.message = message

    def execute(self, context: Any) -> None:  # noqa: ARG002 - Airflow's signature
        """Fail.

        Raises:
            StoppedError: always; its line is in the log.
        """
        with plain_failures(self.log):
            raise SpecError(self.message)


@contextmanager
def _kept_apart(path: Path, broken: dict[Path, str]) -> Iterator[None]:
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


def _free_id(stem: str, taken: dict[str, DAG]) -> str:
    wanted = "ig_" + (re.sub(r"[^A-Za-z0-9_.-]+", "_", stem)[:200] or "spec")
    found, count = wanted, 1
    while found in taken:
        count += 1
        found = f"{wanted}_{count}"
    return found


def _broken_dag(dag_id: str, message: str) -> DAG:
    with DAG(
        dag_id,
        description=message[:500],
        schedule=None,
        tags=["broken-spec", "ig-tasks"],
        doc_md=f"# This spec does not load\n\n{plain(message)}\n",
    ) as dag:
        BrokenSpecOperator(task_id="read_spec", message=message, retry_policy=retry_policy(), doc_md=plain(message))
    return dag
