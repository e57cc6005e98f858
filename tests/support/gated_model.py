"""A torch model that waits while a file is there: nothing is explained meanwhile, and nobody watches a clock."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

__all__ = ["closed", "gated"]


def gated(code: str, *, inputs: str, arguments: str) -> str:
    """The code of a package's class `Tiny`, whose `build(gate, <arguments>)` makes one that a gate stops."""
    return f"""{code}

import time
from pathlib import Path


class Gated(Tiny):
    def __init__(self, gate, {arguments}):
        super().__init__({arguments})
        self.gate = Path(gate)

    def forward(self, {inputs}):
        while self.gate.exists():
            time.sleep(0.05)
        return super().forward({inputs})


def build(gate, {arguments}):
    return Gated(gate, {arguments})
"""


@contextlib.contextmanager
def closed(gate: Path) -> Iterator[None]:
    """No row is explained meanwhile."""
    gate.touch()
    try:
        yield
    finally:
        gate.unlink(missing_ok=True)
