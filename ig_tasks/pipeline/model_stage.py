"""The first stage: the model package is opened, and one worker loads the model and tries it."""

from __future__ import annotations

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.data.shards import with_versions
from ig_tasks.lines import Line
from ig_tasks.models.kept_packages import keep_package
from ig_tasks.pipeline.preflight import require_surroundings
from ig_tasks.pipeline.stage_workers import Log, session_of, to_stderr, useful_workers
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.baseline_table import baseline_table
from ig_tasks.stages.columns import examined_columns
from ig_tasks.stages.planning import plan_run
from ig_tasks.stages.run_plan import RunPlan
from ig_tasks.stages.run_reference import DataFacts, ModelFacts, RunReference
from ig_tasks.stages.serving_parity import compare_with_served
from ig_tasks.stages.trial import UsableRows, examine_rows, is_tried, trial_of
from ig_tasks.store import Store
from ig_tasks.validation import called_check
from ig_tasks.validation.drift.drift_check import reference_of
from ig_tasks.validation.drift.references import PublishedReports

__all__ = ["load_model", "load_planned"]

_OF_TRIAL = ("ig_tasks.stages.model_trial",)
"""What a worker that tries a model imports beside its framework."""


def load_model(
    spec: ExplanationSpec,
    *,
    partition: str | None = None,
    session: ComputeSession | None = None,
    log: Log | None = None,
) -> RunReference:
    """Check everything that needs no computing, then have one worker load the model and try it on a few rows.

    Args:
        spec: what to explain.
        partition: a partition expression; None: the spec's own, else all.
        session: workers that are there; None: workers for this stage alone.
        log: takes lines; None: standard error.

    Returns:
        What was found of the model and the data.

    Raises:
        UserError: whatever is wrong with the store, the package, the data, the partition or the baseline, in one line.
    """
    require_surroundings(spec)
    plan = plan_run(spec, partition)
    ref = load_planned(plan, session=session, log=log, tabled=True)
    if spec.official:
        # A later report may be compared with this one when another model stands in the package's place.
        keep_package(Store(ref.store).name_folder(spec.name), plan.package, most=spec.drift.keep_model_mb << 20)
    return ref


def load_planned(
    plan: RunPlan,
    *,
    session: ComputeSession | None = None,
    log: Log | None = None,
    stored: bool = False,
    rows: UsableRows | None = None,
    tabled: bool = False,
) -> RunReference:
    """`load_model` of a run that is planned already.

    Args:
        plan: the run's.
        session: workers that are there; None: workers for this stage alone.
        log: takes lines; None: standard error.
        stored: compare a sample of rows with the stored predictions now; `validate` compares all of them.
        rows: the handful that was looked at before, if it was.
        tabled: have the baseline doctor's table made, unless it is there.

    Returns:
        What was found of the model and the data.

    Raises:
        UserError: if the model cannot be loaded, called or differentiated, or none of its rows can be used.
    """
    say = log or to_stderr
    spec = plan.spec
    rows = rows or examine_rows(plan)
    store = Store(spec.store_uri())
    with session_of(spec, session, log, workers=1) as workers:
        workers.expect(useful_workers(plan))
        if not is_tried(plan, store):
            workers.require_reachable()
            # A framework takes seconds to import: these pass while the rows are looked at.
            workers.start_ahead(plan.package.config.framework, *_OF_TRIAL)
        digest = plan.data_digest()
        labelled = examined_columns(plan, store.name_folder(spec.name), digest, say=say)
        # A missing reference is an error before anything is computed.
        reference_of(spec, PublishedReports(store, spec.name), plan.partition)
        trial, was_tried = trial_of(plan, with_versions(rows.shard, plan.dataset), store, workers, say=say)
        if labelled is not None:
            labelled.require_classes(trial.get("classes"))
        served = compare_with_served(plan, store, workers, data_digest=digest, say=say)
        predicted = (
            compare_with_served(plan, store, workers, data_digest=digest, say=say, stored=True) if stored else None
        )
        table = baseline_table(plan, store, workers, say=say) if tabled else None
    model = ModelFacts.model_validate({**trial, "uri": spec.model.uri, "digest": plan.package.digest})
    if was_tried:
        say(f"load_model: nothing to do, {model.framework} model {model.digest[:19]} was tried before")
    else:
        say(f"load_model: {model.framework} model {model.digest[:19]} loads, runs and differentiates")
    if model.doubt:
        say(Line(f"load_model: WARNING: {model.doubt}", "warning"))
    if served is not None:
        parity = called_check(spec, store, served)
        holds = f"parity with the served model {'holds' if parity.success else 'FAILS'}: {parity.description}"
        say(Line(f"load_model: {holds}", "info" if parity.success else "warning"))
    sampled = f", a sample of {spec.data.sample:,} of them" if spec.data.sample else ""
    sampled = f", the {len(spec.data.rows):,} of them that were asked for" if spec.data.rows else sampled
    files = f"{len(plan.files)} file{'s' * (len(plan.files) != 1)}"
    available = f"{plan.rows_available:,} row{'s' * (plan.rows_available != 1)}"
    say(f"load_model: partition {plan.partition}, {available} in {files}{sampled}")
    if labelled is not None:
        known = labelled.known
        how_many = f"known for {known:,} of {labelled.rows:,} rows" if known else "not known yet"
        say(f"load_model: the outcomes in {labelled.column} are {how_many}")
    return RunReference(
        name=spec.name,
        partition=plan.partition,
        store=spec.store_uri(),
        model=model,
        data=DataFacts(
            uri=spec.data.uri,
            digest=digest,
            rows_available=plan.rows_available,
            rows_tried=rows.shard.rows,
            rows_usable=rows.usable,
        ),
        served=served,
        stored=predicted,
        baseline_table=table,
    )
