"""Charts of the browser's pages: a document that Vega draws, its words, its table, and a picture without script."""

from __future__ import annotations

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.testclient import TestClient

import ig_tasks.web
from ig_tasks.charts.bars import Bar, size_bars
from ig_tasks.charts.chart import Chart
from ig_tasks.presentation.colours import DARK, LIGHT
from ig_tasks.web.charts import Pictures, chart_figure
from ig_tasks.web.palette import palette_css

VENDOR = Path(ig_tasks.web.__file__).parent / "static" / "vendor"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
BARS = [Bar("Delay", 2.0, -1.25, (1.5, 2.5)), Bar(HOSTILE, 1.0, 0.5, (0.5, 1.5)), Bar("a\x00\u202eb", 0.5, 0.0)]
LINKS = {"Delay": "/ig/flights/run/features/dep_delay", "a\x00\u202eb": "/ig/flights/run/features/b"}


def served(*charts: Chart, **words: Any) -> TestClient:
    app = FastAPI()

    @app.get("/page")
    def page(request: Request) -> Response:
        pictures = Pictures(request)
        body = "".join(chart_figure(chart, pictures, **words) for chart in charts)
        return pictures.answer() or HTMLResponse(body)

    return TestClient(app)


class Blocks(HTMLParser):
    """Tags, and the text of blocks of script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts.append(data)


@pytest.fixture(scope="module")
def page() -> str:
    return str(served(size_bars(BARS, "log-odds"), links=LINKS, caption="What leads & what follows").get("/page").text)


def test_no_name_of_the_data_becomes_a_tag_or_ends_the_block_of_data(page: str) -> None:
    found = Blocks(page)
    assert [attributes for tag, attributes in found.tags if tag == "script"] == [
        {"type": "application/json", "class": "chart-document"}
    ]
    (held,) = [json.loads(text) for text in found.scripts if text.startswith("{")]
    values = held["spec"]["data"]["values"]
    assert [row["label"] for row in values] == ["Delay", HOSTILE, "a\\x00\\u202eb"]
    assert "What leads &amp; what follows" in page


def test_the_document_is_vega_lite_in_the_pages_colours_and_as_wide_as_its_place(page: str) -> None:
    held = json.loads(next(text for text in Blocks(page).scripts if text.startswith("{")))
    assert held["spec"]["width"] == "container"
    assert held["spec"]["layer"][0]["mark"]["color"] == "var(--accent)"
    assert not re.search(r'"#[0-9a-f]{6}"', json.dumps(held))


def test_bars_link_and_rows_are_read_with_their_figures(page: str) -> None:
    held = json.loads(next(text for text in Blocks(page).scripts if text.startswith("{")))
    assert held["links"] == {"Delay": LINKS["Delay"], "a\\x00\\u202eb": "/ig/flights/run/features/b"}
    assert held["rows"][0] == [
        "Delay: mean |attribution| 2.000, signed mean −1.250, from 1.500, to 2.500",
        LINKS["Delay"],
    ]
    assert held["rows"][1][1] is None
    assert f'<a href="{LINKS["Delay"]}">Delay</a>' in page


def test_a_chart_has_words_the_keyboards_focus_and_its_table(page: str) -> None:
    place = next(attributes for _, attributes in Blocks(page).tags if attributes.get("class") == "chart-place")
    assert (place["role"], place["tabindex"]) == ("img", "0")
    assert (place["aria-label"] or "").startswith("Bar chart: mean absolute attribution of 3 features")
    assert re.findall(r"<th scope=\"col\"[^>]*>(.*?)</th>", page) == [
        "",
        "mean |attribution|",
        "signed mean",
        "from",
        "to",
    ]
    assert [re.findall(r'<td class="n">(.*?)</td>', line) for line in page.split("<tr>")[2:]] == [
        ["2.000", "−1.250", "1.500", "2.500"], ["1.000", "0.5000", "0.5000", "1.500"], ["0.5000", "0", "–", "–"],
    ]  # fmt: skip


def test_without_script_a_picture_is_drawn_at_an_address_of_the_page() -> None:
    first, second = size_bars(BARS[:1], "log-odds"), size_bars(BARS[1:], "raw")
    client = served(first, second)
    page = client.get("/page?target=a%26b&picture=").text
    assert page == "There is no such picture on this page."
    page = client.get("/page?target=a%26b").text
    assert re.findall(r'(?:src|srcset)="(.*?)"', page) == [
        f"?target=a%26b&amp;picture={place}" for place in ("0d", "0", "1d", "1")
    ]
    answer = client.get("/page?target=a%26b&picture=1")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.text == second.svg()
    assert client.get("/page?picture=0d").text == first.svg(dark=True)


@pytest.mark.parametrize("asked", ["2", "-1", "x", "", "1e3", "00000001", "../0", "0d0"])
def test_a_picture_that_is_not_there_is_a_plain_404(asked: str) -> None:
    answer = served(size_bars(BARS[:1], "raw")).get("/page", params={"picture": asked})
    assert (answer.status_code, answer.text) == (404, "There is no such picture on this page.")


def test_the_bundled_scripts_are_those_that_altair_writes_for_unchanged_and_with_their_licences() -> None:
    import altair as alt
    import vl_convert

    versions = json.loads((VENDOR / "versions.json").read_text(encoding="utf-8"))
    bundled = {name for name in versions if name.startswith("vega")}
    assert bundled == {"vega.min.js", "vega-lite.min.js", "vega-embed.min.js"}
    for name in bundled:
        held = versions[name]
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == held["sha256"]
        assert "Redistribution" in (VENDOR / held["licence"]).read_text(encoding="utf-8")
    assert f"v{versions['vega-lite.min.js']['version']}" == alt.SCHEMA_VERSION
    assert versions["vega.min.js"]["version"] == vl_convert.get_vega_version()
    assert versions["vega-embed.min.js"]["version"] == vl_convert.get_vega_embed_version()


def test_the_style_sheet_holds_every_colour_in_light_and_in_dark() -> None:
    light, preferred, chosen = palette_css().splitlines()
    for name in LIGHT:
        assert f"--{name}: {LIGHT[name]};" in light
        assert f"--{name}: {DARK[name]};" in preferred
        assert f"--{name}: {DARK[name]};" in chosen
    assert "(prefers-color-scheme: dark)" in preferred
    assert ':root:not([data-theme="light"])' in preferred
    assert ':root[data-theme="dark"]' in chosen
