"""The reasons of a run in the terminal: how many rows had an adverse decision, and which reasons lead."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from ig_tasks.reports.numerals import count, counted, exact, share
from ig_tasks.reports.terminal import plain
from ig_tasks.store.report_reasons import ReasonsInfo

__all__ = ["print_reasons"]


def print_reasons(found: ReasonsInfo, console: Console, *, top: int = 20) -> None:
    """Print the counts, and a line for each of the most frequent reasons."""
    where = f"{found.target} {found.adverse} {exact(found.threshold)} ({found.space})"
    console.print(plain(f"{counted(found.rows_adverse, 'adverse decision')}: {where}", "bold"))
    told = found.rows_certified + found.rows_tied
    parts = [f"{count(told)} with reasons, of which {count(found.rows_tied)} are tied ({share(found.tied_share)})"]
    others = {
        "without a proven reason": found.rows_without,
        "not converged": found.rows_unconverged,
        "unverified": found.rows_unverified,
    }
    parts += [f"{count(rows)} {what}" for what, rows in others.items() if rows]
    parts += [f"beside them {counted(found.rows_quarantined, 'row')} in quarantine"] if found.rows_quarantined else []
    console.print(plain("; ".join(parts)))
    if not found.reasons:
        return
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("reason", "code", "text"):
        table.add_column(name, overflow="fold")
    for name in ("rows", "first"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.reasons[:top]:
        table.add_row(plain(one.name), plain(one.code), plain(one.text), count(one.rows), count(one.first))
    console.print(table)
    if len(found.reasons) > top:
        console.print(plain(f"{len(found.reasons) - top} more reasons: --format csv lists them", "dim"))
