"""Which run another is compared with, and the earlier ones of the same model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property

from ig_tasks.errors import DamagedError, IgTasksError, ReportError, SpecError
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.partitions import partition_order
from ig_tasks.store import Folder, RunFolder, Store, read_sealed, take_sealed, write_sealed
from ig_tasks.store.clock import now
from ig_tasks.store.report import Report
from ig_tasks.store.runs import LATEST
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.drift.surroundings import History

__all__ = ["LAUNCH", "PublishedReports", "history_of", "locate_run", "reference_run", "register_launch", "witness_of"]

LAUNCH = "launch.json"
"""Names the report with which the model was launched."""

PublishedReport = tuple[RunFolder, Report]


def locate_run(location: str) -> RunFolder:
    """The run that a location names.

    Args:
        location: a run's folder, a report.json in it, `<store>/<name>` for the latest, or `<store>/<name>@<partition>`.

    Raises:
        ReportError: if there is no run.
    """
    uri, at, partition = location.rstrip("/").rpartition("@")
    if at and "/" not in partition:
        store, _, name = Folder(uri).uri.rpartition("/")
        runs = PublishedReports(Store(store), name).of_partition(partition)
        if not runs:
            raise ReportError(f"{location}: no report of partition {partition!r} is published in {uri}")
        return runs[-1]
    uri = location.rstrip("/")
    if uri.rpartition("/")[2].startswith("report") and uri.endswith(".json"):
        uri = uri.rpartition("/")[0] or "."
    elif uri.endswith("/" + LATEST):
        uri = uri.rpartition("/")[0]
    folder = Folder(uri)
    if folder.exists(LATEST):
        return _run(folder, str(read_sealed(folder, LATEST, unsealed=True)["run_id"]))
    if not folder.exists("manifest.json"):
        raise ReportError(
            f"{location}: there is no run here; give a run's folder, its report.json, <store>/<name> or "
            "<store>/<name>@<partition>"
        )
    return RunFolder(folder.uri, folder.uri.rpartition("/")[0].rpartition("/")[2], folder.uri.rpartition("/")[2])


def register_launch(location: str, *, say: Callable[[str], None]) -> str:
    """Name a published report as the one with which its model was launched; later runs may be compared with it.

    Args:
        location: as for `locate_run`.
        say: takes a line where an earlier registration is damaged and set aside.

    Returns:
        The URI of launch.json.

    Raises:
        ReportError: if there is no published, official report.
    """
    run = locate_run(location)
    report = run.read_report()
    if not (report.published and report.official):
        status = "withheld" if report.official else "ad-hoc"
        raise ReportError(f"{location}: its report is {status}; a launch needs a published report of the spec's own")
    folder = Folder(run.uri.rpartition("/")[0])
    entry = {
        "run_id": run.run_id,
        "partition": report.partition,
        "revision": report.revision,
        "model": report.model.digest,
        "registered_at": now(),
    }
    with folder.locked(LAUNCH):
        take_sealed(folder, LAUNCH, say)
        write_sealed(folder, LAUNCH, entry)
    return folder.uri_of(LAUNCH)


class PublishedReports:
    """The published, official reports under a name; each is read once, when one of them is first asked for."""

    def __init__(self, store: Store, name: str) -> None:
        self.folder = store.name_folder(name)
        self._store, self._name = store, name

    @cached_property
    def all(self) -> Sequence[PublishedReport]:
        """All of them, in the order of partition, then time."""
        reports: list[PublishedReport] = []
        for run in self._store.runs(self._name):
            with suppress(DamagedError, ReportError):  # a report that cannot be read does not count
                report = run.read_published()
                if report is not None:
                    reports.append((run, report))
        return sorted(reports, key=lambda published: (partition_order(published[1].partition), published[1].created_at))

    def of_partition(self, partition: str) -> list[RunFolder]:
        """The runs of a partition, the oldest first."""
        return [run for run, report in self.all if report.partition == partition]

    def before(self, partition: str, run_id: str | None) -> list[PublishedReport]:
        """The reports before a run, the oldest first: the newest of each earlier partition.

        Data without partitions has the reports that were made before, of other data or another model.
        """
        if partition == "all":
            own = [report.created_at for run, report in self.all if run.run_id == run_id]
            others = [
                published for published in self.all if published[1].partition == "all" and published[0].run_id != run_id
            ]
            return [published for published in others if not own or published[1].created_at < min(own)]
        alike = [
            published
            for published in self.all
            if partition_order(published[1].partition) < partition_order(partition)
            and (".." in published[1].partition) == (".." in partition)
            if published[1].partition != "all"
        ]
        return list({report.partition: (run, report) for run, report in alike}.values())


def reference_run(
    spec: ExplanationSpec, reports: PublishedReports, partition: str, run_id: str | None = None
) -> RunFolder | None:
    """The run that `drift.reference` names for a run of this partition; None if there is no such run yet.

    Args:
        reports: those of the spec's name.
        run_id: of the run that is compared, which is never its own reference; None: it is not known yet.

    Raises:
        SpecError: if it names a run or a partition that is not there.
    """
    wanted = spec.drift.reference
    if wanted == "none":
        return None
    folder = reports.folder
    steps = spec.drift.steps_back
    if steps is not None:
        before = reports.before(partition, run_id)
        return before[-steps][0] if len(before) >= steps else None
    if wanted == "launch":
        if not folder.exists(LAUNCH):
            return None
        launched = str(read_sealed(folder, LAUNCH)["run_id"])
        return None if launched == run_id else _run(folder, launched)
    if folder.exists(f"{wanted}/manifest.json"):
        return _run(folder, wanted) if wanted != run_id else None
    named = [run for run in reports.of_partition(wanted) if run.run_id != run_id]
    if not named:
        if partition == wanted:
            return None
        raise SpecError(
            f"drift.reference: {wanted!r} is neither a partition with a published report nor a run in {folder.uri}; "
            "name one that is there, previous, launch or none"
        )
    return named[-1]


def history_of(reports: Sequence[PublishedReport], run: Period, groups: Mapping[str, Sequence[str]]) -> History:
    """What a run's features and groups had in reports of the same model, baseline, target and space, the oldest first.

    Args:
        groups: {group: its features}; a group of other members is another group.
    """
    of_features: dict[str, list[float]] = {}
    of_groups: dict[str, list[float]] = {}
    space = str(run.key_parts["model"]["space"])
    for _, report in reports:
        same = report.model.digest == run.model_digest and report.baseline.digest == run.baseline_digest
        if not same or not any(target.name == run.target and target.space == space for target in report.targets):
            continue
        for row in report.ranking(run.target):
            if row.abs_mean is not None:
                of_features.setdefault(row.feature, []).append(row.abs_mean)
        for group in report.group_ranking(run.target):
            if group.abs_mean is not None and set(group.features) == set(groups.get(group.group, ())):
                of_groups.setdefault(group.group, []).append(group.abs_mean)
    return History(of_features, of_groups)


def witness_of(reports: Sequence[PublishedReport], before: Period, after: Period) -> Period | None:
    """The newest earlier period that is neither side of a comparison, and of the same features; None without one."""
    for run, _ in reversed(reports):
        if run.run_id in (before.folder.run_id, after.folder.run_id):
            continue
        with suppress(IgTasksError):  # one that cannot be read bears no witness
            period = Period.open(run)
            if period.features == after.features:
                return period
    return None


def _run(folder: Folder, run_id: str) -> RunFolder:
    return RunFolder(folder.uri_of(run_id), folder.uri.rpartition("/")[2], run_id)
