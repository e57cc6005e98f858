"""Reports to draw: the makers of `sample_report.py`, which is loaded by path since tests are not a package."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def sample() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("sample_report.py"))))
