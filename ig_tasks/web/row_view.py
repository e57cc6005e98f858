"""What is told of one row: its values, its certificate, its neighbours, its reasons, and how to compute it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ig_tasks.data.features import image_grids
from ig_tasks.data.inputs import feature_names
from ig_tasks.presentation.statuses import row_words
from ig_tasks.reports.examples import example_of
from ig_tasks.reports.numerals import count, number, value
from ig_tasks.reports.page_views import ExampleView, example_view
from ig_tasks.reports.sentences import method_words
from ig_tasks.reports.space_notes import with_margin, with_probabilities
from ig_tasks.spec.uris import without_secrets
from ig_tasks.stages.plan_facts import stored_facts
from ig_tasks.store.report import Example
from ig_tasks.store.runs import revised
from ig_tasks.store.stored_run import StoredRun
from ig_tasks.web.dependencies import OpenedRun
from ig_tasks.web.queries import SEGMENT, Row
from ig_tasks.web.query_engine import asking, columns_of
from ig_tasks.web.row_words import column_label
from ig_tasks.web.verified_files import VerifiedFiles

__all__ = ["RowView", "again", "quarantine_reason", "row_view"]

_CONTRIBUTIONS = 60
_QUARANTINE = "quarantine.parquet"
_STATES = {
    "certified": "Every reason surely outweighs what is not listed.",
    "tied": "Something that is not listed may outweigh a reason.",
    "without": "No contribution towards the adverse side is proven.",
    "max_evaluations": "The row did not reach the tolerance: it has no reasons.",
    "unverified": "The row has no error estimate: it has no reasons.",
}


@dataclass(frozen=True)
class RowView:
    """One row for its page.

    Attributes:
        explanation: waterfall, contributions, words of texts, cells of images.
        facts: (what, figure) of the row besides its features.
        certificate: (what, figure, what it means) of how its numbers are proven.
        baseline: {feature: its value at the baseline}, as far as the report has them.
        reasons: lines of reasons.parquet, the first reason first; empty where the run has none of it.
    """

    explanation: ExampleView
    facts: tuple[tuple[str, str], ...]
    certificate: tuple[tuple[str, str, str], ...]
    baseline: Mapping[str, Any]
    reasons: tuple[Row, ...]
    reasons_state: str

    @property
    def example(self) -> Example:
        """The row as a report would have it."""
        return self.explanation.example


def row_view(run: OpenedRun, stored: StoredRun, row: Row) -> RowView:
    """The view of a stored row.

    Raises:
        DamagedError: if a file of the run is not what was written.
    """
    target = str(row["target"])
    facts = stored_facts(run.folder)
    grids = {} if facts is None else image_grids(facts.config.inputs)
    features = {} if facts is None else feature_names(facts.config.inputs)
    example = example_of(row, target, "", grids, features)
    space = next((known.space for known in run.report.targets if known.name == target), "raw")
    if facts is not None and target in facts.config.targets:
        config = facts.config.targets[target]
        example = with_probabilities(with_margin(example, config, space), config, space)
    lines = _reasons(run, stored, str(row["row_id"]), target)
    return RowView(
        example_view(example, run.report, _CONTRIBUTIONS),
        tuple(_facts(run, row)),
        tuple(_certificate(run, row)),
        {item.feature: item.value for item in run.report.baseline.values},
        tuple(line for line in lines if line["rank"] is not None),
        "" if not lines else _STATES.get(str(lines[0]["state"]), str(lines[0]["state"]).replace("_", " ")),
    )


def _facts(run: OpenedRun, row: Row) -> list[tuple[str, str]]:
    names = ["prediction", "predicted", "label", "cluster", *(name for name in row if name.startswith(SEGMENT))]
    return [(column_label(run.report, name), value(row[name])) for name in names if row.get(name) is not None]


def _certificate(run: OpenedRun, row: Row) -> list[tuple[str, str, str]]:
    """The proof of the row's numbers, line by line."""
    settings = run.report.attribution
    tolerance = "" if settings.tolerance is None else f"the tolerance is {value(settings.tolerance)}"
    status = str(row["status"])
    most = "" if settings.max_evaluations is None else f"Of at most {count(settings.max_evaluations)}"
    return [
        (
            "Status",
            status.replace("_", " "),
            row_words(status, method=settings.method) or "The error estimate is within the tolerance.",
        ),
        (
            "Convergence delta",
            number(row["convergence_delta"], 3),
            "What the attributions add up to, less output and output at the baseline.",
        ),
        ("Relative delta", number(row["relative_delta"], 3), f"The same by the size of the difference; {tolerance}."),
        (
            "Error estimate",
            number(row["error_estimate"], 3),
            f"Of all attributions together, by their size; {tolerance}.",
        ),
        ("Gradient evaluations", count(row["evaluations"]), f"{most}; {method_words(run.report)}".strip("; ")),
    ]


def _reasons(run: OpenedRun, stored: StoredRun, row_id: str, target: str) -> Sequence[Row]:
    """The row's lines of reasons.parquet; none where the report has no reasons."""
    name = revised("reasons.parquet", run.revision)
    lines = _lines_of(stored, name, row_id)
    lines = [line for line in lines if line["target"] == target]
    return sorted(lines, key=lambda line: line["rank"] or 0)


def quarantine_reason(stored: StoredRun, row_id: str) -> str | None:
    """Why a row could not be explained; None if it is not in quarantine.

    Raises:
        DamagedError: if the file of these rows is not what was written.
    """
    return next((str(line["reason"]) for line in _lines_of(stored, _QUARANTINE, row_id)), None)


def _lines_of(stored: StoredRun, name: str, row_id: str) -> list[Row]:
    """A row's lines of a file with the column `row_id`; none where the run has no such file."""
    digests = stored.document.get("files", {})
    if name not in digests:
        return []
    files = VerifiedFiles(stored.folder, digests, [name])
    columns = columns_of(files)
    by = columns.of("row_id").sql
    with asking(files, columns) as question:
        records = question.ask(f"SELECT * FROM {{rows}} WHERE {by} = ? LIMIT 100", [row_id])  # noqa: S608 - a place
    names = [column.name for column in columns]
    return [dict(zip(names, values, strict=True)) for values in records]


def again(run: OpenedRun, row_id: str) -> str:
    """The lines of Python that compute the row anew; every text in them is a literal of Python."""
    return "\n".join(
        (
            "import ig_tasks",
            "",
            f"run = ig_tasks.open_run({without_secrets(run.folder.uri)!r})",
            f"explanation = run.explain({row_id!r})",
            "print(explanation.to_frame().T)",
        )
    )
