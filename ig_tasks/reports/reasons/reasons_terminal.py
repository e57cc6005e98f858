"""The reasons of a run in the terminal: how many rows had an adverse decision, and which reasons lead."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from ig_tasks.reports.numerals import count, counted, exact, share
from ig_tasks.reports.terminal import plain
from ig_tasks.store.report_reasons import ReasonsInfo

__all__ = ["print_reasons"]


def print_reasons(info: ReasonsInfo, console: Console, *, top: int = 20) -> None:
    """Print the counts, and a line for each of the most frequent reasons."""
    where = f"{info.target} {info.adverse} {exact(info.threshold)} ({info.space})"
    console.print(plain(f"{counted(info.rows_adverse, 'adverse decision')}: {where}", "bold"))
    with_reasons = info.rows_certified + info.rows_tied
    parts = [
        f"{count(with_reasons)} with reasons, of which {count(info.rows_tied)} are tied ({share(info.tied_share)})"
    ]
    others = {
        "without a proven reason": info.rows_without,
        "not converged": info.rows_unconverged,
        "unverified": info.rows_unverified,
    }
    parts += [f"{count(rows)} {state}" for state, rows in others.items() if rows]
    parts += [f"beside them {counted(info.rows_quarantined, 'row')} in quarantine"] if info.rows_quarantined else []
    if info.rows_dependent is not None:
        parts.append(f"{count(info.rows_dependent)} would have another decision without one reason alone")
    console.print(plain("; ".join(parts)))
    if info.ablation_why_not:
        console.print(plain(f"The model was not asked for decisions without their reasons. {info.ablation_why_not}"))
    if not info.reasons:
        return
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("reason", "code", "text"):
        table.add_column(name, overflow="fold")
    asked = info.rows_dependent is not None
    for name in ("rows", "first", *(["another decision without it"] if asked else [])):
        table.add_column(name, justify="right", no_wrap=True)
    for reason in info.reasons[:top]:
        figures = [count(reason.rows), count(reason.first), *([share(reason.other_decision)] if asked else [])]
        table.add_row(plain(reason.name), plain(reason.code), plain(reason.text), *figures)
    console.print(table)
    if len(info.reasons) > top:
        console.print(plain(f"{len(info.reasons) - top} more reasons: --format csv lists them", "dim"))
