"""`ig_tasks.compare`: two runs in the store, by where they lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import InputError
from ig_tasks.spec import DriftSpec, FeatureSpec
from ig_tasks.spec.feature_groups import groups_of
from ig_tasks.stages.crossed_runs import CrossedRuns
from ig_tasks.store import Folder, Store
from ig_tasks.store.drift_parts import Drift
from ig_tasks.validation.drift.compare_periods import compare_periods
from ig_tasks.validation.drift.crossing import Crossing
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.drift.references import PublishedReports, history_of, locate_run, witness_of
from ig_tasks.validation.drift.states import Limits
from ig_tasks.validation.drift.surroundings import History

__all__ = ["compare", "compare_runs", "severity_of"]

_FEWEST_ROWS = 2

Say = Callable[[str], None]


def compare(
    reference: str,
    current: str,
    *,
    rows: int | None = None,
    cross: bool = True,
    trusted_root: str | Path | None = None,
    trust: Mapping[str, str] | None = None,
    log: Say | None = None,
) -> Drift:
    """What changed between two runs, whether it is real, and why.

    Args:
        reference: the earlier run: its folder, a report.json in it, `<store>/<name>` for the latest report there, or
            `<store>/<name>@<partition>`.
        current: the later run, likewise.
        rows: rows of each period on which models and values are exchanged; None: the current spec's `drift.rows`.
        cross: compute what sums cannot tell (another model, another baseline, features that move others) on Dask
            workers; what was computed before is found in the store.
        trusted_root: the folder whose code may run, the working folder unless given.
        trust: {location: digest (`sha256:...`)} of model packages from elsewhere whose code may run.
        log: takes lines of progress.

    Returns:
        For each feature and group its importance before and after, whether the change is real, and its cause.
        `comparable` is False where targets, spaces, features or methods differ.

    Raises:
        InputError: for too few rows.
        ReportError: if there is no run at a location.
        RunError, DamagedError: if a run is not computed, or a file is not what was written.
    """
    if rows is not None and rows < _FEWEST_ROWS:
        raise InputError(f"rows: {rows} tell nothing of their spread; give {_FEWEST_ROWS} or more")
    runs = locate_run(reference), locate_run(current)
    before, after = Period.open(runs[0]), Period.open(runs[1])
    store = Store(after.folder.uri.rpartition("/")[0].rpartition("/")[0])
    earlier = PublishedReports(store, after.spec.name).before(after.partition, after.folder.run_id)
    digests = {run.uri: (trust or {})[location] for run, location in zip(runs, (reference, current), strict=True)
               if location in (trust or {})}  # fmt: skip
    say = log or (lambda line: None)  # noqa: ARG005
    return compare_runs(
        before,
        after,
        settings=after.spec.drift if rows is None else after.spec.drift.model_copy(update={"rows": rows}),
        presented=after.spec.features,
        witness=witness_of(earlier, before, after),
        history=history_of(earlier, after, groups_of(after.features, after.spec.features)),
        cross=cross,
        trusted_root=str(trusted_root or Path.cwd()),
        trust=digests,
        say=say,
        log=say,
    )


def compare_runs(
    before: Period,
    after: Period,
    *,
    settings: DriftSpec,
    presented: Mapping[str, FeatureSpec],
    history: History,
    witness: Period | None,
    cross: bool,
    trusted_root: str | None,
    trust: Mapping[str, str],
    say: Say,
    log: Say | None = None,
    session: ComputeSession | None = None,
) -> Drift:
    """`compare` of two opened runs, by a spec's settings; workers start only where something has to be computed.

    Raises:
        RunError, DamagedError: if a file of either run is not what was written.
    """
    spec = after.spec
    groups = groups_of(after.features, presented)
    own = ComputeSession(spec.compute, log=log or say) if cross and session is None else None
    with own or nullcontext():
        workers = session or own
        runs = None
        if cross and workers is not None:
            folder = Folder(after.folder.uri.rpartition("/")[0])
            runs = CrossedRuns(folder, workers, say=say, log=log, retries=spec.compute.retries)
        return compare_periods(
            before,
            after,
            limits=Limits(settings.practical, settings.share, settings.false_discovery),
            crossing=Crossing(before, after, runs, rows=settings.rows, trusted_root=trusted_root, trust=trust),
            groups=groups,
            segments=settings.segments,
            history=history,
            presented=presented,
            witness=witness,
        )


def severity_of(drift: Drift) -> str:
    """How severe an alarm is by the current run's spec."""
    return Period.open(locate_run(drift.current.uri)).spec.drift.severity
