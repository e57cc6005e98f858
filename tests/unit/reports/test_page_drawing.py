"""Charts that end the process which draws them cost the charts, not the report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ig_tasks.reports import page_drawing
from ig_tasks.reports.page import render_page
from ig_tasks.reports.page_drawing import begin_drawing, draw_page, drawing_ahead


def test_a_page_whose_drawing_dies_has_all_but_its_charts(
    sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dying.py").write_text("import os\nos.kill(os.getpid(), 5)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(page_drawing, "_MODULE", "dying")
    page = draw_page(sample.flights_report(), sample.flights_report().to_json(), apart=True)
    assert "<svg" not in page
    assert page.count("This chart could not be drawn (SIGTRAP).") > 1
    assert "dep_delay" in page


@pytest.mark.parametrize("limited", [False, True], ids=["apart", "with little memory"])
def test_drawn_elsewhere_it_is_the_same_page(sample: Any, limited: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    report = sample.flights_report()
    monkeypatch.setattr(page_drawing, "_is_limited", lambda: limited)
    assert draw_page(report, report.to_json(), apart=not limited) == render_page(report, report.to_json())


def test_a_process_that_was_begun_draws_the_next_page_and_no_other_and_is_gone_in_the_end(
    sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os\nfrom ig_tasks.expendable import serve\nserve(lambda _: os.getpid())\n"
    (tmp_path / "drawing.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}:{Path.cwd()}")
    monkeypatch.setattr(page_drawing, "_MODULE", "drawing")
    report = sample.flights_report()
    with drawing_ahead(begin=True):
        ((begun,),) = [[one._process.pid for one in page_drawing._begun]]
        assert draw_page(report, "", apart=True) == str(begun)
        assert draw_page(report, "", apart=True) != str(begun)
        begin_drawing()
        (idle,) = [one._process for one in page_drawing._begun]
    assert idle.poll() is not None
    # Somebody ended it while it waited: the page is drawn by another.
    with drawing_ahead(begin=True):
        (idle,) = [one._process for one in page_drawing._begun]
        idle.kill()
        idle.wait()
        assert draw_page(report, "", apart=True) not in ("", str(idle.pid))
