"""The task that computes: in its own slot, or deferred while an existing Dask scheduler does."""

from __future__ import annotations

import contextlib
from typing import Any

from airflow.sdk.exceptions import TaskDeferred

from ig_tasks.cluster.session import ADDRESS_VARIABLE
from ig_tasks.errors import IgTasksError, SpecError, WorkerLostError
from ig_tasks.lines import Line
from ig_tasks.orchestration.failures import plain_failures
from ig_tasks.orchestration.stage_operator import Ref, StageOperator, reachable
from ig_tasks.presentation.colours import TASKS
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.uris import environment_uri

__all__ = ["ComputeAttributionsOperator"]

_LOSSES = 3
"""How often one try submits again what a scheduler lost; then Airflow tries the task again."""

_FAILED = "__fail__"
"""Airflow resumes a task by this name where its trigger failed or ran out of time."""


class ComputeAttributionsOperator(StageOperator):
    """Attributions of every row, shard by shard on Dask workers, then the statistics of all.

    Args:
        deferrable: submit the shards to an existing scheduler and wait in the triggerer, without a slot; None: as
            `compute.deferrable` says, else as Airflow's `[operators] default_deferrable` where there is a scheduler.
        poll_interval: seconds between two looks of the triggerer.
    """

    stage = "compute_attributions"
    ui_color = TASKS["compute"]

    def __init__(
        self, *, deferrable: bool | None = None, poll_interval: float = 5.0, **operator_arguments: Any
    ) -> None:
        super().__init__(**operator_arguments)
        self.deferrable = deferrable
        self.poll_interval = poll_interval

    def execute(self, context: Any) -> Ref:
        """Compute, or submit and wait in the triggerer.

        Raises:
            TaskDeferred: in the second case, unless nothing is left to compute.
            StoppedError: as every stage.
        """
        with plain_failures(self.log):
            defers = self._defers(self._spec_of_run(context))
        if defers:
            self._submit(context, losses=0)
        return self._run_stage(context)

    def execute_complete(self, context: Any, event: dict[str, Any], submitted: dict[str, Any], losses: int) -> Ref:
        """Go on when the triggerer says so: verify what is in the store, compute what is missing, bring all together.

        Raises:
            TaskDeferred: where others of the shards are still at work, or were lost and are submitted again.
            WorkerLostError: where they were lost again and again.
            StoppedError: as every stage.
        """
        from ig_tasks.stages.deferred_job import Submitted

        try:
            with plain_failures(self.log):
                earlier = Submitted.of(submitted)
            if event["status"] == "failed":
                limit = event.get("limit")
                if limit is not None:
                    self._say(Line(f"compute_attributions: {event['why']}", "warning"))
                self._submit(context, losses=losses, failed=event["shards"], earlier=earlier, limit=limit)
            if event["status"] == "lost":
                self._say(Line(f"compute_attributions: {event['why']}; finished shards are kept", "warning"))
                if losses + 1 >= _LOSSES:
                    raise WorkerLostError(f"{event['why']}, {_LOSSES} times")
                self._submit(context, losses=losses + 1, earlier=earlier)
            ref = self._run_stage(context, submitted=earlier)
        except TaskDeferred:
            raise
        except BaseException:
            self._withdraw(context)
            raise
        self._withdraw(context)
        return ref

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """As Airflow calls it; a task whose trigger failed or ran out of time leaves nothing at work."""
        if next_method == _FAILED:
            self._withdraw(context)
        return super().resume_execution(next_method, next_kwargs, context)

    def _stage_arguments(self, context: Any) -> dict[str, Any]:
        ti = context["ti"]
        run = {"dag_id": ti.dag_id, "run_id": ti.run_id, "try_number": ti.try_number}
        return {"context": {"by": "airflow", **run}}

    def _defers(self, spec: ExplanationSpec) -> bool:
        """Whether to wait in the triggerer.

        Raises:
            SpecError: if that is asked for, and there is no scheduler which lives longer than the task.
        """
        from airflow.sdk.configuration import conf

        compute = spec.compute
        existing = bool(compute.address or compute.connection or environment_uri(ADDRESS_VARIABLE))
        wanted = compute.deferrable if self.deferrable is None else self.deferrable
        if wanted is None:
            return existing and conf.getboolean("operators", "default_deferrable", fallback=False)
        if wanted and not existing:
            raise SpecError(
                "compute.deferrable: workers that a task starts end with it; name an existing Dask scheduler in "
                "compute.address or compute.connection, or leave deferrable out"
            )
        return wanted

    def _submit(self, context: Any, *, losses: int, **arguments: Any) -> None:
        """Have the scheduler compute what is left, and defer; returns where nothing is left."""
        from ig_tasks.orchestration.trigger import ShardsTrigger

        submitted, spec, _ = self._call(context, "submit_attributions", **self._stage_arguments(context), **arguments)
        if submitted is None:
            return
        self.defer(
            trigger=ShardsTrigger(
                submitted.to_json(),
                connection=spec.compute.connection,
                resources=spec.compute.resources,
                patience=spec.compute.worker_timeout,
                poll_interval=self.poll_interval,
                shard_timeout=spec.compute.shard_timeout,
            ),
            method_name="execute_complete",
            kwargs={"submitted": submitted.to_json(), "losses": losses},
            timeout=self.execution_timeout,
        )

    def _withdraw(self, context: Any) -> None:
        """Leave nothing of this run on the scheduler: neither work nor results."""
        from ig_tasks import pipeline

        with contextlib.suppress(IgTasksError), reachable(self._spec_of_run(context)) as spec:
            pipeline.withdraw_attributions(spec, self.ref, log=self._say)
