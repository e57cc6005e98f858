"""The comparison that `validate` makes: a run with the one that its spec names, told as a check."""

from __future__ import annotations

from collections.abc import Callable

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import IgTasksError, ResourceError, WorkerLostError, brief
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.feature_groups import groups_of
from ig_tasks.store import RunFolder, Store
from ig_tasks.store.drift_parts import Drift
from ig_tasks.store.report import Check
from ig_tasks.validation.drift.compare import compare_runs
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.drift.references import LAUNCH, PublishedReports, history_of, reference_run, witness_of

__all__ = ["awaits_launch", "drift_check", "drift_of", "launch_check", "reference_of"]

Say = Callable[[str], None]


def reference_of(
    spec: ExplanationSpec, reports: PublishedReports, partition: str, run_id: str | None = None
) -> RunFolder | None:
    """The run that this one is compared with; None for the first run, and for ad-hoc runs.

    Args:
        reports: those of the spec's name.
        run_id: of the run itself; None before it has a folder, when only what the spec names is checked.

    Raises:
        SpecError: if `drift.reference` names a run or a partition that is not there.
    """
    return reference_run(spec, reports, partition, run_id) if spec.official else None


def drift_of(
    spec: ExplanationSpec,
    reports: PublishedReports,
    after: Period,
    reference: RunFolder,
    *,
    session: ComputeSession,
    say: Say,
    log: Say | None = None,
) -> Drift:
    """Compare a run with its reference. What is wrong with the reference alone makes them not comparable.

    Raises:
        WorkerLostError, ResourceError: of the workers that crossed runs need; what was computed stays.
        RunError, DamagedError: if a file of this run is not what was written.
    """
    try:
        before = Period.open(reference)
        earlier = reports.before(after.partition, after.folder.run_id)
        return compare_runs(
            before,
            after,
            settings=spec.drift,
            presented=spec.features,
            witness=witness_of(earlier, before, after),
            history=history_of(earlier, after, groups_of(after.features, spec.features)),
            cross=True,
            trusted_root=spec.origin.trusted_root if spec.origin else None,
            trust={} if spec.model.trust is None else {after.folder.uri: spec.model.trust},
            say=say,
            log=log,
            session=session,
        )
    except (WorkerLostError, ResourceError):
        raise
    except IgTasksError as error:
        # Whether it is this run that is damaged is found by the other checks, which read the same files.
        why = f"run {reference.run_id}: {brief(error)}"
        return Drift(
            reference=None,
            current=after.describe(),
            comparable=False,
            why_not=why,
            summary=f"The reports cannot be compared: {why}.",
        )


def drift_check(spec: ExplanationSpec, drift: Drift) -> Check:
    """The check `drift`: no feature or group raises an alarm."""
    return Check(
        name="drift",
        severity=spec.drift.severity,
        success=not drift.alarms and (drift.comparable or drift.reference is not None),
        observed=len(drift.alarms) if drift.comparable else None,
        expected=0,
        description=f"Features and groups whose importance changed more than chance and habit explain. {drift.summary}",
        remedy="Read why under 'What changed'; compare the model and the values of the features named there.",
    )


def awaits_launch(spec: ExplanationSpec, store: Store) -> bool:
    """Whether reports are to be compared with the launch report, and none is registered yet."""
    wanted = spec.official and spec.drift.reference == "launch"
    return wanted and not store.name_folder(spec.name).exists(LAUNCH)


def launch_check(spec: ExplanationSpec, store: Store) -> Check:
    """The check `drift` where no launch report is registered: a warning, for only a published report can become one."""
    return Check(
        name="drift",
        severity="warning",
        success=False,
        observed="none is registered",
        expected="a registered launch report",
        description="drift.reference is launch, and no launch report is registered, so nothing was compared.",
        remedy=(
            f"Register a published report: ig-tasks launch {store.uri}/{spec.name}, or a run with the Param "
            "register_new_reference."
        ),
    )
