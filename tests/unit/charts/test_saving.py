"""Charts in notebooks and files: light and dark, with words, and nothing of the data obeyed."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from ig_tasks.charts import Chart
from ig_tasks.charts.bars import Bar, size_bars
from ig_tasks.charts.notebook import table
from ig_tasks.charts.picture_panels import Panel, picture_panels, png_of
from ig_tasks.charts.swarms import Swarm, swarms
from ig_tasks.errors import InputError
from ig_tasks.presentation.colours import DARK, LIGHT

EVIL = "<script>alert(1)</script>\x00\ud800\u202e\"'&"


@pytest.fixture(scope="module")
def chart() -> Chart:
    bars = size_bars([Bar(EVIL, 2.0, -1.0, (1.0, 3.0)), Bar("plain", 1.0, 1.0, (0.5, 1.5))], "log-odds")
    return replace(bars, heading=f"Of {EVIL}", notes=(f"Left out: {EVIL}",))


def test_png_svg_and_html_by_their_endings(chart: Chart, tmp_path: Path) -> None:
    for name in ("a.png", "a.svg", "a.html"):
        chart.save(tmp_path / name)
    head = (tmp_path / "a.png").read_bytes()
    wide, high = struct.unpack(">II", head[16:24])
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert (wide, high) == (2 * chart.width, 2 * chart.height)
    root = ET.fromstring((tmp_path / "a.svg").read_text(encoding="utf-8"))  # noqa: S314 - our own
    assert root.attrib["role"] == "img"
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "http://" not in page.replace("http://www.w3.org/", "")
    with pytest.raises(InputError, match="save: a chart is written as png, svg, html"):
        chart.save(tmp_path / "a.pdf")
    opened = io.StringIO()
    chart.save(opened, format="svg")
    assert opened.getvalue().startswith("<svg")


def test_an_image_is_a_whole_svg_file(tmp_path: Path) -> None:
    """What a page forgives, a file does not: every name in it has to be declared."""
    picture_panels([Panel("original", np.zeros((2, 3, 3), np.uint8))], np.zeros((2, 3)), "", row="row 0").save(
        tmp_path / "image.svg"
    )
    root = ET.fromstring((tmp_path / "image.svg").read_text(encoding="utf-8"))  # noqa: S314 - our own
    (image,) = root.iter("{http://www.w3.org/2000/svg}image")
    assert image.attrib["{http://www.w3.org/1999/xlink}href"].startswith("data:image/png;base64,")


def test_nothing_of_the_data_is_obeyed(chart: Chart, tmp_path: Path) -> None:
    chart.save(tmp_path / "a.html")
    chart.save(tmp_path / "a.svg", dark=True)
    for text in (chart._repr_html_(), (tmp_path / "a.html").read_text(), (tmp_path / "a.svg").read_text()):
        assert "<script" not in text
        assert not re.search("[\x00\u202e\ud800]", text)
        assert "\\x00" in text


def test_light_and_dark_stand_side_by_side_and_one_is_shown(chart: Chart) -> None:
    html = chart._repr_html_()
    assert html.count("<svg") == 2
    assert 'class="ig-light"' in html
    assert 'class="ig-dark"' in html
    assert LIGHT["accent"] in html
    assert DARK["accent"] in html
    assert "prefers-color-scheme: dark" in html
    assert "[data-jp-theme-light" in html
    assert chart.words.split(":")[0] in html


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]


def test_gradients_of_two_charts_in_one_page_have_ids_of_their_own() -> None:
    rows = [f"r{k}" for k in range(4)]
    drawn = [
        swarms([Swarm("a", [1.0, 2.0, 3.0, factor], [0.0, 0.3, 0.6, 1.0], ["1", "2", "3", "4"])], rows, [True] * 4, "")
        for factor in (4.0, 9.0)
    ]
    tags = Tags()
    tags.feed("".join(part._repr_html_() for part in drawn))
    assert tags.ids
    assert len(set(tags.ids)) == len(tags.ids)


def test_a_chart_of_many_marks_is_a_picture_in_a_cell() -> None:
    many = np.random.default_rng(0).normal(size=1_600)
    rows = [str(k) for k in range(1_600)]
    chart = swarms([Swarm("a", many.tolist(), [None] * 1_600, [""] * 1_600)], rows, [True] * 1_600, "")
    html = chart._repr_html_()
    assert html.count("data:image/png;base64,") == 2
    assert "1,540 more rows are in the chart&#x27;s table." in html


def test_tables_are_escaped_and_numbers_are_aligned() -> None:
    html = table([{"name": EVIL, "size": -1.5}, {"name": None, "size": None}])
    assert "<script" not in html
    assert "<td class=n>−1.5</td>" in html
    assert html.count("<td>–</td>") == 1


def test_pixels_as_png_are_read_back() -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(png_of(pixels)))) == pixels).all()
