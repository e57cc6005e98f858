"""What every task of an explanation does: call its stage of `ig_tasks.pipeline` with the spec of this run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from airflow.sdk import BaseOperator, literal
from airflow.sdk.exceptions import AirflowSkipException

from ig_tasks.errors import ValidationFailedError
from ig_tasks.lines import Line, level_of
from ig_tasks.orchestration.failures import one_line, plain_failures
from ig_tasks.orchestration.links import page_address
from ig_tasks.orchestration.params import effective_spec, run_choices
from ig_tasks.orchestration.spec_digests import refuse_changed, spec_digests
from ig_tasks.presentation.colours import TASKS
from ig_tasks.spec import ExplanationSpec

__all__ = ["Ref", "StageOperator", "reachable"]

Ref = dict[str, Any]
"""A `RunReference` as JSON, as Airflow hands it from task to task."""


class StageOperator(BaseOperator):
    """One stage of an explanation.

    Args:
        spec: the resolved spec (`ExplanationSpec.to_document()`); it becomes part of the DAG.
        ref: what the stage before returned; none for the first.
        conf_keys: the keys that the run's conf may hold; None: any.
    """

    stage: ClassVar[str]
    template_fields: tuple[str, ...] = ("spec", "ref")
    template_fields_renderers: ClassVar[dict[str, str]] = {"spec": "json", "ref": "json"}
    ui_color = TASKS["stage"]
    page_uri: str | None = None
    """The page of the report, once the task knows it: for its link."""
    store_uri: str = ""
    _lineage: tuple[ExplanationSpec, Mapping[str, Any]] | None = None
    _withheld_uri: str | None = None

    def __init__(
        self,
        *,
        spec: Mapping[str, Any],
        ref: Any = None,
        conf_keys: Collection[str] | None = None,
        **operator_arguments: Any,
    ) -> None:
        super().__init__(**operator_arguments)
        # Braces in a label or a URI are text, not templates.
        self.spec: Any = literal(dict(spec))
        self.ref = ref
        self.conf_keys = None if conf_keys is None else tuple(conf_keys)

    def execute(self, context: Any) -> Ref:
        """Run the stage.

        Raises:
            StoppedError: in place of a mistake of the user's or a failed check; its line is in the log.
            AirflowSkipException: in place of a failed check where the run is not to fail by it.
        """
        return self._run_stage(context)

    def _run_stage(self, context: Any, **arguments: Any) -> Ref:
        """What the stage returns, noted for links and lineage, as the next task is given it."""
        result, spec, digests = self._call(context, self.stage, **self._stage_arguments(context), **arguments)
        self.page_uri, self.store_uri = result.page_uri, result.store
        self._lineage = spec, result.to_json()
        ref: Ref = result.with_(spec_digests=digests).to_json()
        return ref

    def _call(self, context: Any, name: str, /, **arguments: Any) -> tuple[Any, ExplanationSpec, dict[str, str]]:
        """What a function of the pipeline returns of this run's spec and the reference before; the spec, its digests.

        Raises:
            StoppedError, AirflowSkipException: as `execute`.
        """
        from ig_tasks import pipeline
        from ig_tasks.stages.run_reference import RunReference

        with plain_failures(self.log):
            spec = self._spec_of_run(context)
            choices = run_choices(spec, context)
            digests = spec_digests(spec)
            self._lineage = None if self.ref is None else (spec, self.ref)
            before = None if self.ref is None else RunReference.of(self.ref)
            if before is not None:
                refuse_changed(digests, before.spec_digests or digests)
                arguments["ref"] = before
            call: Callable[..., Any] = getattr(pipeline, name)
            with reachable(spec) as placed, self._hand_on_if_withheld(context, fails=choices.fail_on_violation):
                result = call(placed, **arguments, log=self._say)
        return result, spec, digests

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 - the provider's signature
        """What was read, and of the task that publishes what was written, for OpenLineage."""
        return self._lineage_facets(report_uri=None)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:  # noqa: ARG002
        """What a withheld report was made of, for OpenLineage."""
        return self._lineage_facets(report_uri=self._withheld_uri)

    def _lineage_facets(self, *, report_uri: str | None) -> Any:
        if self._lineage is None:
            return None
        from ig_tasks.orchestration.lineage import lineage_of

        spec, reference = self._lineage
        return lineage_of(spec, reference, report_uri=report_uri)

    def _spec_of_run(self, context: Any) -> ExplanationSpec:
        """The spec with what this run's Params say."""
        return effective_spec(ExplanationSpec.from_resolved(self.spec), context, conf_keys=self.conf_keys)

    @contextmanager
    def _hand_on_if_withheld(self, context: Any, *, fails: bool) -> Iterator[None]:
        """Hand on where a withheld report lies: the task fails or is skipped, so it returns nothing."""
        try:
            yield
        except ValidationFailedError as error:
            from ig_tasks.reports.outcome import outcome_of, outcome_words

            if error.report_uri:
                outcome = outcome_of(error.report_uri)
                self.page_uri, self.store_uri = outcome.page_uri, str((self.ref or {}).get("store") or "")
                self._withheld_uri = outcome.report_uri
                context["ti"].xcom_push(key="report", value=outcome.model_dump(mode="json"))
                self._say(Line(outcome_words(outcome), "error"))
                self._say_where()
            if fails:
                raise
            line = one_line(f"{error}; the run goes on, since its Param fail_on_violation is off")
            self._say(Line(line, "warning"))
            raise AirflowSkipException(line) from None

    def _say_where(self) -> None:
        """The address by which people read the report; none if only its file's place is known."""
        address = page_address(self.page_uri or "", self.store_uri)
        if address:
            self._say(f"{self.stage}: read the report at {address}")

    def on_kill(self) -> None:
        """Unwind the stack, so that the workers of this task are ended with it."""
        raise SystemExit("the task was told to stop")

    def _stage_arguments(self, context: Any) -> dict[str, Any]:  # noqa: ARG002 - the computing stage needs it
        return {}

    def _say(self, line: str) -> None:
        tell: Callable[..., None] = getattr(self.log, level_of(line))
        tell("%s", one_line(line))


@contextmanager
def reachable(spec: ExplanationSpec) -> Iterator[ExplanationSpec]:
    """The spec with its Airflow connection replaced by the scheduler's address, and TLS set up meanwhile.

    A task never computes in its own process, which holds Airflow's secrets and imports no framework: `workers: 0` is
    one worker process here.
    """
    if spec.compute.workers == 0:
        spec = spec.model_copy(update={"compute": spec.compute.model_copy(update={"workers": 1})})
    if spec.compute.connection is None:
        yield spec
        return
    import dask

    from ig_tasks.orchestration.hook import DaskHook

    hook = DaskHook(spec.compute.connection)
    compute = spec.compute.model_copy(update={"address": hook.address(), "connection": None})
    with dask.config.set(hook.configuration()):
        yield spec.model_copy(update={"compute": compute})
