"""Reports to draw: the makers of `sample_report.py`, which is loaded by path since tests are not a package."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.undrawn import charts_undrawn


@pytest.fixture(scope="session")
def sample() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("sample_report.py"))))


@pytest.fixture
def drawn() -> None:
    """Asks for charts in a module whose tests do without."""


@pytest.fixture
def undrawn(request: pytest.FixtureRequest) -> Iterator[None]:
    """Pages that a test renders have no charts, unless the test takes `drawn`; those of wider fixtures have."""
    if "drawn" in request.fixturenames:
        yield
        return
    with charts_undrawn():
        yield
