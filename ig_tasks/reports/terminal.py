"""A report in the terminal: whether it can be trusted, the leading features, the checks, where it lies.

Names are never read as Rich's markup, and control characters in them are shown, not obeyed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ig_tasks.presentation.colours import TERMINAL, effect_colour
from ig_tasks.presentation.statuses import row_words
from ig_tasks.presentation.visible import visible
from ig_tasks.reports.explanation_quality_view import explanation_lines
from ig_tasks.reports.numerals import count, counted, interval, number
from ig_tasks.reports.override_notes import HEADLINE, override_words
from ig_tasks.reports.quality_words import quality_lines, score_words
from ig_tasks.reports.sentences import (
    check_name,
    left_words,
    outlier_words,
    saw_and_expected,
    target_words,
    trust,
)
from ig_tasks.reports.shading import passage_views
from ig_tasks.store.report import GroupImportance, Report
from ig_tasks.store.report_units import units_in

__all__ = ["plain", "print_report", "print_side_by_side"]

_GOOD, _CARE, _BAD, _SOFT = (TERMINAL[tone] for tone in ("good", "care", "bad", "soft"))
_TONES = {"trusted": f"bold {_GOOD}", "care": f"bold {_CARE}", "unchecked": f"bold {_CARE}", "withheld": f"bold {_BAD}"}
_BAR = 24
_EIGHTHS = " ▏▎▍▌▋▊▉"
_RANK, _LEAST = 4, 34
"""Columns that the ranks take beside several reports, and the least that each of those can be read in."""
_WORDS, _STRONGEST, _REASONS = 60, 5, 5
_FAINT, _STRONG = 0.15, 0.5
"""Shares of the strongest word's attribution from which a word has a colour, and from which it is bold."""


def print_report(report: Report, console: Console, *, paths: Mapping[str, str] | None = None, top: int = 10) -> None:
    """Print one report; `paths` (what: where) stand at the end, one per line and whole, to be copied."""
    words = trust(report)
    console.print(plain(f"{report.model.name or report.name}, {report.partition}", "bold"))
    if not report.official:
        lines = "; ".join(override_words(report.overrides))
        console.print(plain(f"{HEADLINE}. ", f"bold {_CARE}") + plain(f"{lines}."))
    console.print(plain(f"{words.headline}. ", _TONES[words.level]) + plain(words.reason))
    if words.doubt:
        console.print(plain(words.doubt, _CARE))
    for line in filter(None, (*quality_lines(report), *explanation_lines(report), score_words(report))):
        console.print(plain(line))
    for target in report.targets:
        ranking = report.ranking(target.name)
        console.print()
        console.print(plain(f"What drives {target_words(target)}: mean |attribution|, signed mean", "bold"))
        if target.explained:
            console.print(plain(target.explained, _SOFT))
        table = _grid()
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="ellipsis", no_wrap=True, max_width=32)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        greatest = max((row.abs_mean or 0.0 for row in ranking), default=0.0)
        for row in ranking[:top]:
            table.add_row(
                str(row.rank),
                plain(report.label(row.feature)),
                _bar(row.abs_mean, greatest),
                number(row.abs_mean),
                _signed(row.mean),
            )
        console.print(table)
        if left := left_words(min(top, len(ranking)), len(ranking), "features", "importance.parquet"):
            console.print(plain(left, _SOFT))
        for outlier in report.outliers:
            if outlier.target == target.name:
                console.print(plain(outlier_words(report, outlier), _CARE))
        _print_groups(report.group_ranking(target.name), console, top)
        for outlier in report.outliers_within:
            if outlier.target == target.name:
                console.print(plain(outlier_words(report, outlier), _CARE))
    _print_words(report, console)
    _print_reasons(report, console)
    if report.checks:
        console.print()
        table = _grid()
        for check in report.checks:
            tone = _GOOD if check.success else _BAD if check.severity == "critical" else _CARE
            result = "passed" if check.success else f"failed ({check.severity})"
            table.add_row(plain(result, tone), plain(check_name(check)), plain(saw_and_expected(check), _SOFT))
        console.print(table)
    if paths:
        console.print()
        for label, where in paths.items():
            # A path that is broken over two lines cannot be copied.
            console.print(plain(f"{label}: ", _SOFT) + plain(where), soft_wrap=True)


def _print_groups(ranking: Sequence[GroupImportance], console: Console, top: int) -> None:
    if not ranking:
        return
    console.print()
    console.print(plain("Groups of features: mean |contribution|, 95 % interval, signed mean", "bold"))
    table = _grid()
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="ellipsis", no_wrap=True, max_width=32)
    for justify in ("left", "right", "right", "right"):
        table.add_column(justify=justify, no_wrap=True)
    greatest = ranking[0].abs_mean or 0.0
    for row in ranking[:top]:
        table.add_row(
            str(row.rank),
            plain(row.group),
            _bar(row.abs_mean, greatest),
            number(row.abs_mean),
            interval(*row.abs_mean_ci),
            _signed(row.mean),
        )
    console.print(table)
    if left := left_words(min(top, len(ranking)), len(ranking), "groups", "report.json"):
        console.print(plain(left, _SOFT))


def _print_words(report: Report, console: Console) -> None:
    """Texts and bags of the first and the last example: the words as they stand, then the strongest with figures."""
    ends = report.examples[:1] + report.examples[1:][-1:]
    with_passages = [(example, passages) for example in ends if (passages := passage_views(example, report))]
    if not with_passages:
        return
    console.print()
    signs = plain("raises", _tone(1.0, 1.0)), plain(" or "), plain("lowers", _tone(-1.0, 1.0))
    console.print(Text.assemble(plain("What single words do: ", "bold"), *signs, plain(" the output")))
    for example, passages in with_passages:
        chosen = f"{example.chosen}: " if example.chosen else ""
        console.print(plain(f"{chosen}{number(example.output)}, row {example.row_id}", _SOFT))
        if unsure := row_words(example.status, method=report.attribution.method):
            console.print(plain(unsure, _CARE))
        for passage in passages:
            greatest = abs(passage.strongest[0][1].attribution or 0.0)
            shown = [plain(word.text, _tone(word.attribution, greatest)) for word in passage.words[:_WORDS]]
            if left := passage.left + len(passage.words) - len(shown):
                shown.append(plain(f"... and {count(left)} more", _SOFT))
            between = Text(", " if passage.noun == "category" else " ")
            console.print(plain(f"{passage.label}: ") + between.join(shown))
            figures = (plain(f"{word.text} ") + _signed(word.attribution) for _, word in passage.strongest[:_STRONGEST])
            console.print(Text.assemble(plain("strongest: ", _SOFT), Text("; ").join(figures)))


def _print_reasons(report: Report, console: Console) -> None:
    """Why rows could not be explained, the most frequent reasons first."""
    reasons = sorted(report.data.quarantine_reasons.items(), key=lambda item: (-item[1], item[0]))
    if not reasons:
        return
    console.print()
    console.print(plain(f"{counted(report.data.rows_quarantined, 'row')} could not be explained:", "bold"))
    for reason, rows in reasons[:_REASONS]:
        console.print(plain(f"{count(rows)}  {reason}"))
    if left := left_words(min(_REASONS, len(reasons)), len(reasons), "reasons", "report.json"):
        console.print(plain(left, _SOFT))


def print_side_by_side(reports: Sequence[Report], console: Console, *, top: int = 10) -> None:
    """Print the leading features of several reports beside each other, each of its first target.

    As many stand beside each other as the terminal has room for; the others stand below.
    """
    per_line = max(1, (console.width - _RANK) // _LEAST)
    for first in range(0, len(reports), per_line):
        if first:
            console.print()
        _print_beside(reports[first : first + per_line], console, top)
    console.print()
    for report in reports:
        words = trust(report)
        headline = plain(f"{words.headline}. ", _TONES[words.level])
        why = " ".join(filter(None, (words.reason, words.doubt)))
        console.print(plain(f"{_title(report)}: ") + headline + plain(why))


def _print_beside(reports: Sequence[Report], console: Console, top: int) -> None:
    table = Table(title=None, pad_edge=False, header_style="bold", box=None, padding=(0, 1))
    table.add_column("", justify="right", no_wrap=True)
    rankings = [report.ranking()[:top] for report in reports]
    share = (console.width - _RANK) // len(reports)
    for report, ranking in zip(reports, rankings, strict=True):
        figures = max((len(number(row.abs_mean)) for row in ranking), default=1)
        # Six blanks around the three columns; a bar may be short, a name may not, and is broken rather than cut.
        bar = max(3, min(12, share - 6 - figures - 22))
        table.add_column(plain(_title(report)), overflow="fold", max_width=max(10, min(32, share - 6 - figures - bar)))
        table.add_column("", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True, min_width=bar, max_width=bar)
    table.add_row("", *(cell for report in reports for cell in (plain(_units(report), _SOFT), "", "")))
    for place in range(max((len(ranking) for ranking in rankings), default=0)):
        cells: list[Text | str] = [str(place + 1)]
        for column, (report, ranking) in enumerate(zip(reports, rankings, strict=True)):
            if place < len(ranking):
                row, most = ranking[place], ranking[0].abs_mean or 0.0
                bar = int(table.columns[3 * column + 3].max_width or _BAR)
                cells += [plain(report.label(row.feature)), number(row.abs_mean), _bar(row.abs_mean, most, bar)]
            else:
                cells += ["", "", ""]
        table.add_row(*cells)
    console.print(table)


def _title(report: Report) -> str:
    # First, since a column's head is cut off at its end.
    return ("" if report.official else "(ad-hoc) ") + f"{report.name} {report.partition}"


def _units(report: Report) -> str:
    return units_in(report, report.targets[0]) if report.targets else ""


def _grid() -> Table:
    return Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))


def plain(words: str, style: str = "") -> Text:
    """`words` as they are: no markup, and each control character as an escape that can be read."""
    return Text(visible(words).replace("\u00a0", " "), style=style)


def _signed(figure: float | None) -> Text:
    sign = "+" if figure is not None and figure > 0 else ""
    return Text(f"{sign}{number(figure)}", style=effect_colour(figure) if figure else "")


def _tone(figure: float | None, greatest: float) -> str:
    """The colour of a word; none for one that does next to nothing."""
    share = abs(figure or 0.0) / greatest if greatest else 0.0
    if share < _FAINT:
        return ""
    colour = effect_colour(figure)
    return f"bold {colour}" if share >= _STRONG else colour


def _bar(size: float | None, greatest: float, width: int = _BAR) -> Text:
    share = (size or 0.0) / greatest if greatest else 0.0
    full_cells, part = divmod(round(share * width * 8), 8)
    return Text("█" * full_cells + (_EIGHTHS[part] if part else ""), style=TERMINAL["accent"])
