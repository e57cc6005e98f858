"""What the layer doctor says, in the terminal: inputs, their layers, and the entries to write, where there are any."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from ig_tasks.doctor import Diagnosis
from ig_tasks.doctor.diagnosis import names_of
from ig_tasks.presentation.colours import TERMINAL
from ig_tasks.reports.numerals import counted
from ig_tasks.reports.terminal import plain

__all__ = ["print_diagnosis"]

_LISTED = 40  # inputs, and features without attribution, that are shown


def print_diagnosis(diagnosis: Diagnosis, console: Console) -> None:
    """Print one diagnosis; names are never read as markup."""
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("input", "row", "dtype", "differentiable", "layer"):
        table.add_column(heading, overflow="fold")
    for each in diagnosis.inputs[:_LISTED]:
        shape = " x ".join(map(str, each.shape)) or "1"
        sizes = {candidate.layer: str(candidate) for candidate in each.candidates}
        size = "; ".join(sizes.get(name, name) for name in names_of(each.layer))
        known = size or "; ".join(map(str, each.candidates))
        says = plain("yes", TERMINAL["good"]) if each.differentiable else plain(f"no: {each.why}")
        table.add_row(plain(each.name), shape, each.dtype, says, plain(known))
    console.print(table)
    if (left := len(diagnosis.inputs) - _LISTED) > 0:
        console.print(plain(f"and {counted(left, 'more input')}", TERMINAL["soft"]))
    for first, second in diagnosis.dependent:
        console.print(plain(f"layers {first} and {second} depend on each other: name one of them"), soft_wrap=True)
    for feature in diagnosis.zero[:_LISTED]:
        line = plain("no attribution  ", TERMINAL["care"]) + plain(f"{feature.name}: {feature.why}")
        console.print(line, soft_wrap=True)
    if (left := len(diagnosis.zero) - _LISTED) > 0:
        console.print(plain(f"and {counted(left, 'more feature')} without attribution", TERMINAL["soft"]))
    for note in diagnosis.notes:
        console.print(plain(f"note  {note}", TERMINAL["care"]), soft_wrap=True)
    for fault in diagnosis.complaints:
        console.print(plain(f"wrong  {fault}", TERMINAL["bad"]), soft_wrap=True)
    if diagnosis.proposal:
        console.print(plain("write into model.yaml:"))
        # What is to be pasted is neither styled nor broken.
        console.out(diagnosis.proposal.rstrip(), highlight=False)
