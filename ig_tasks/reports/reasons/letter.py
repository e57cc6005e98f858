"""The reasons of one row in plain language: the letter to a person, and what is kept beside it for the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from markupsafe import Markup
from rich import box
from rich.console import Console
from rich.table import Table

from ig_tasks.presentation.statuses import row_words
from ig_tasks.presentation.units import units
from ig_tasks.reports.baseline_words import baseline_words, kinds_of
from ig_tasks.reports.numerals import beside, count, counted, exact, number, share, value
from ig_tasks.reports.page_environment import environment, frame
from ig_tasks.reports.terminal import plain
from ig_tasks.stages.reasons.finding import AdverseRow
from ig_tasks.stages.reasons.rules import Player, ReasonRules
from ig_tasks.stages.reasons.without import Without
from ig_tasks.store.report import Report

__all__ = ["Letter", "print_letter", "render_letter"]

_STYLES = Path(__file__).parents[1] / "styles" / "reasons.css"
Held = float | str | bool | None


@dataclass(frozen=True)
class Letter:
    """One adverse decision, and everything that the letter says of it.

    values: {feature: what the row held}, where the run kept it.
    without: {reason: the decision without it}, where that was computed.
    """

    row: AdverseRow
    rules: ReasonRules
    report: Report
    values: Mapping[str, Held] = field(default_factory=dict)
    without: Mapping[str, Without] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """What was decided, in the words of the person whom it is about."""
        return "The decision was not in your favour"

    @property
    def decision(self) -> str:
        """On what the decision hangs."""
        section, decided_on = self.rules.section, float(self.rules.in_space([self.row.output])[0])
        result = beside(decided_on, section.threshold)
        unit = f" ({units(self.rules.space)})" if self.rules.space != "value" else ""
        return (
            f"A model assessed your case. Its result is {result}{unit}, and a result {section.adverse} "
            f"{exact(section.threshold)} leads to this decision."
        )

    @property
    def reasons_title(self) -> str:
        """What stands over the list."""
        reasons = len(self.row.reasons)
        return "The principal reason" if reasons == 1 else "The principal reasons" if reasons else "No reasons"

    @property
    def why_none(self) -> str:
        """Why there are no reasons; empty where there are some."""
        if self.row.reasons:
            return ""
        if self.row.state == "without":
            return "No single factor surely moved the result towards this decision."
        why = row_words(self.row.state, method=self.report.attribution.method)
        return f"No reasons can be given: the figures of this case are not proven. {why}"

    @property
    def ties(self) -> str:
        """Who is not listed, and may weigh as much as one who is; empty where there is no such one."""
        rivals = dict.fromkeys(rival for reason in self.row.reasons for rival in reason.rivals)
        if not rivals:
            return ""
        last = len(self.row.reasons)
        return f"Tied: about as weighty as reason {last}, and not listed, {_player_names(list(rivals))}."

    @property
    def method(self) -> str:
        """How the reasons were chosen, in a sentence or three."""
        baseline = self.report.baseline
        drawn = counted(baseline.baselines, "case") if baseline.baselines > 1 else "a baseline"
        if baseline.definition:
            members = count(baseline.rows) if baseline.rows is not None else "its members"
            against = f"{drawn} drawn from {members} of a reference population: {baseline.definition}"
        else:
            against = f"{drawn} ({baseline_words(baseline, kinds_of(self.report))})"
        noun = "factor" if self.rules.section.by == "features" else "group of factors"
        most = self.rules.section.top
        return (
            f"Your case was compared with {against}. A {noun} is a reason if it surely moved the result towards this "
            f"decision; at most {most} {'is' if most == 1 else 'are'} listed, the weightiest first. Nothing that spoke "
            "in your favour is listed."
        )

    @property
    def unproven(self) -> str:
        """Who may have pushed towards the decision, for the file; empty where there is no such one."""
        players = self.row.unproven if self.row.reasons or self.row.state == "without" else ()
        return (
            f"Within their error bounds, so that no direction is proven: {_player_names(players)}." if players else ""
        )

    @property
    def textless(self) -> str:
        """Which reasons go by their own names, for the file; empty where the spec has a text for each."""
        names = [reason.player for reason in self.row.reasons if not reason.player.text]
        return f"Without a text in the spec, and called by their own names: {_player_names(names)}." if names else ""

    @property
    def ablation(self) -> str:
        """What the columns of the ablation say; empty where none was made."""
        if not self.without:
            return ""
        return (
            "The result if the case had the comparison's value in place of its own, all else being equal, and whether "
            "the decision would then be another"
        )

    def another_decision(self, name: str) -> str:
        """Whether the decision depended on a reason."""
        changed = self.without[name].changed
        if not np.isfinite(changed):
            return "not known"
        if changed in (0.0, 1.0):
            return "yes" if changed else "no"
        return f"in {share(changed)} of the comparisons"

    def held(self, player: Player) -> str:
        """What the row held of a feature; of a group nothing can be said in a word."""
        if player.features != (player.name,) or player.name not in self.values:
            return ""
        return value(self.values[player.name])

    @property
    def facts(self) -> list[tuple[str, str]]:
        """(what, figure) for the file."""
        report, row = self.report, self.row
        pairs = [
            ("Case", row.row_id),
            ("Model", f"{report.model.name or report.name}, digest {report.model.digest}"),
            ("Output explained", f"{self.rules.target.name}, {units(self.rules.target.space)}: {number(row.output)}"),
            ("Mean output of the comparison", number(row.baseline_output)),
            ("Comparison", f"{baseline_words(report.baseline, kinds_of(report))}; digest {report.baseline.digest}"),
            ("Run", f"{report.run_id}, revision {report.revision}, partition {report.partition}"),
        ]
        state = {
            "certified": "proven: every reason outweighs what is not listed by more than both error bounds together",
            "tied": "tied: what is not listed may outweigh a reason within the error bounds",
        }
        return [*pairs, ("Order", state[row.state])] if row.state in state else pairs


def _player_names(players: list[Player] | tuple[Player, ...]) -> str:
    return ", ".join(player.words for player in players)


def render_letter(letter: Letter) -> str:
    """The page of one row, as HTML text."""
    page = environment().get_template("reasons.html")
    text = " ".join(
        [letter.row.row_id, *(player.words for player in letter.rules.players), *letter.rules.section.texts]
    )
    values = " ".join(str(value) for value in letter.values.values())
    return page.render(
        letter=letter,
        own_styles=Markup(_STYLES.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        **frame(f"{text} {values} {letter.report.name}"),
    )


def print_letter(letter: Letter, console: Console) -> None:
    """The same in the terminal."""
    console.print(plain(f"{letter.headline}: {letter.row.row_id}", "bold"))
    if not letter.report.published:
        console.print(plain("The checks withheld the report of this run: do not send these reasons.", "bold red"))
    console.print(plain(letter.decision))
    console.print(plain(f"{letter.reasons_title}{': ' + letter.why_none if letter.why_none else ''}", "bold"))
    for place, reason in enumerate(letter.row.reasons, start=1):
        code = f" [{reason.player.code}]" if reason.player.code else ""
        console.print(plain(f"  {place}. {reason.player.words}{code}"))
    for line in (letter.ties, letter.method):
        if line:
            console.print(plain(line, "yellow" if line == letter.ties else ""))
    if letter.row.reasons:
        console.print(_figures(letter))
    if letter.without:
        console.print(plain(f"{letter.ablation}:"))
        for name, counterfactual in letter.without.items():
            another = letter.another_decision(name)
            console.print(plain(f"  {name}: {number(counterfactual.result)}; another decision: {another}"))
    for line in (letter.unproven, letter.textless):
        if line:
            console.print(plain(line, "dim"))


def _figures(letter: Letter) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("reason", "value", "attribution", "error bound", "rank"):
        table.add_column(name, justify="left" if name in ("reason", "value") else "right", overflow="fold")
    for reason in letter.row.reasons:
        ranks = str(reason.best) if reason.best == reason.worst else f"{reason.best} to {reason.worst}"
        cells = (number(reason.attribution), number(reason.bound, 2), ranks)
        table.add_row(plain(reason.player.name), plain(letter.held(reason.player)), *cells)
    return table
