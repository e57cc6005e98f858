"""Airflow's LocalExecutor whose task processes begin with what an explanation imports.

Each task of Airflow is a process of its own, forked from the scheduler's. A task of an explanation takes two to four
seconds of imports before it does anything. Here the scheduler imports these modules once, before it forks.
"""

from __future__ import annotations

import importlib

from airflow.executors.local_executor import LocalExecutor

__all__ = ["PreloadedLocalExecutor"]

# Nothing here starts a thread, which a forked process would miss, and nothing is a framework: models are loaded by
# Dask workers, which are processes of their own.
_IMPORTED_BY_TASKS = (
    "airflow.sdk.execution_time.task_runner",
    "ig_tasks.orchestration.factory",
    "ig_tasks.orchestration.project",
    "ig_tasks.pipeline",
    "distributed",
    "altair",
)


class PreloadedLocalExecutor(LocalExecutor):
    """`AIRFLOW__CORE__EXECUTOR=ig_tasks.orchestration.local_executor.PreloadedLocalExecutor` chooses it.

    Where Airflow starts processes anew instead of forking them (`mp_start_method: spawn`), it is a LocalExecutor.
    """

    def start(self) -> None:
        """Import, then fork the workers that fork the tasks."""
        if self.is_mp_using_fork:
            from ig_tasks.validation.expectations import import_library

            for name in _IMPORTED_BY_TASKS:
                importlib.import_module(name)
            import_library()
        super().start()
