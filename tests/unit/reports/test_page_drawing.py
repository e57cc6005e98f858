"""Charts that end the process which draws them cost the charts, not the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ig_tasks.reports import page_drawing
from ig_tasks.reports.page import render_page
from ig_tasks.reports.page_drawing import draw_page


def test_a_page_whose_drawing_dies_has_all_but_its_charts(
    sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dying.py").write_text("import os\nos.kill(os.getpid(), 5)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(page_drawing, "_MODULE", "dying")
    monkeypatch.setattr(page_drawing, "_is_limited", lambda: True)
    page = draw_page(sample.flights_report(), sample.flights_report().to_json())
    assert "<svg" not in page
    assert page.count("This chart could not be drawn (SIGTRAP).") > 1
    assert "dep_delay" in page


def test_drawn_elsewhere_it_is_the_same_page(sample: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    report = sample.flights_report()
    monkeypatch.setattr(page_drawing, "_is_limited", lambda: True)
    assert draw_page(report, report.to_json()) == render_page(report, report.to_json())
