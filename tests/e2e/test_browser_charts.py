"""Pages of the report browser in Chromium: charts that answer pointer and keyboard, in both themes; harmless names.

The server is the application itself over a small store; the policy of its pages is in force.
"""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from support.accessibility import violations
from support.browser import Everybody, serving
from support.stored_rows import of_features, put_run

from ig_tasks.presentation.colours import DARK, LIGHT
from ig_tasks.reports.indexing import mend_index

pytestmark = pytest.mark.browser

SAMPLE = Path(__file__).parents[1] / "unit" / "reports" / "sample_report.py"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two months of `flights`, and `hostile`, whose names are attacks."""
    sample = SimpleNamespace(**runpy.run_path(str(SAMPLE)))
    store = str(tmp_path_factory.mktemp("store"))
    for partition in ("2013-01", "2013-02"):
        report = sample.flights_report(name="flights", run_id=f"{partition}-a", partition=partition)
        put_run(store, report, [of_features(["dep_delay", "carrier"], 300)])
    put_run(store, sample.hostile_report().model_copy(update={"name": "hostile", "run_id": "a"}), [])
    for name in ("flights", "hostile"):
        list(mend_index(store, name))
    with serving(store, Everybody()) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("needs chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def heard(browser: Browser) -> Iterator[SimpleNamespace]:
    """A page, with what its console says, its dialogs, and requests to other hosts."""
    page = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme="light")
    seen = SimpleNamespace(page=page, said=[])
    page.on("console", lambda message: seen.said.append(message.text))
    page.on("pageerror", lambda error: seen.said.append(str(error)))
    page.on("dialog", lambda dialog: (seen.said.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: "//127.0.0.1:" in request.url or seen.said.append(request.url))
    yield seen
    page.close()


def drawn(page: Page, within: str = "body", place: int = 0) -> object:
    """The place of a chart, once it was drawn: charts are drawn when they come into view."""
    chart = page.locator(f"{within} .chart-place").nth(place)
    chart.scroll_into_view_if_needed()
    expect(chart.locator("svg")).to_be_visible()
    expect(chart).to_have_attribute("data-drawn", "yes")
    return chart


def bar_of(chart: object, colour: str) -> tuple[float, float]:
    """The middle of the first bar of this colour, on the page."""
    box = chart.locator(f'path[fill="{colour}"]').first.bounding_box()  # type: ignore[attr-defined]
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_bar_tells_its_figures_and_opens_its_feature(server: str, heard: SimpleNamespace) -> None:
    page = heard.page
    page.goto(f"{server}/flights/2013-02-a")
    at = bar_of(drawn(page, "#features-part"), LIGHT["accent"])
    page.mouse.move(*at)
    expect(page.locator("#vg-tooltip-element.visible")).to_contain_text("Departure delay")
    expect(page.locator("#vg-tooltip-element.visible")).to_contain_text("2.41")
    page.mouse.click(*at)
    page.wait_for_url("**/flights/2013-02-a/features/dep_delay")
    assert heard.said == []


def test_the_keyboard_reads_a_chart_row_by_row_and_opens_what_was_read(server: str, heard: SimpleNamespace) -> None:
    page = heard.page
    page.goto(f"{server}/flights/2013-02-a")
    chart = drawn(page, "#features-part")
    chart.focus()  # type: ignore[attr-defined]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#features-part .chart-says").first).to_contain_text("Aircraft: mean |attribution| 0.4392")
    page.keyboard.press("Enter")
    page.wait_for_url("**/features/tailnum")


def test_paper_has_the_charts_that_were_never_looked_at_and_nothing_beyond_its_edge(
    server: str, heard: SimpleNamespace
) -> None:
    page = heard.page
    page.goto(f"{server}/flights/2013-02-a")
    places = page.locator(".chart-place")
    assert places.count() > 5
    expect(page.locator('.chart-place[data-drawn="yes"]')).to_have_count(places.count())
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 695, "height": 900})  # A4 within its margins
    assert page.evaluate("document.documentElement.scrollWidth") <= 695
    expect(page.locator("#features-part form.filter")).to_be_hidden()
    wider = "places => places.filter(one => one.scrollWidth > 695).length"
    assert page.locator(".scroll, .chart-frame").evaluate_all(wider) == 0
    assert heard.said == []


def test_charts_follow_the_theme(server: str, heard: SimpleNamespace) -> None:
    page = heard.page
    page.goto(f"{server}/flights/2013-02-a")
    chart = drawn(page, "#features-part")
    page.emulate_media(color_scheme="dark")
    expect(chart.locator(f'path[fill="{DARK["accent"]}"]').first).to_be_visible()  # type: ignore[attr-defined]
    assert chart.locator(f'path[fill="{LIGHT["accent"]}"]').count() == 0  # type: ignore[attr-defined]


def test_another_statistic_changes_the_features_alone(server: str, heard: SimpleNamespace) -> None:
    page = heard.page
    page.goto(f"{server}/flights/2013-02-a")
    drawn(page, "#features-part", 1)
    page.select_option("select[name=statistic]", "q0.95")
    page.wait_for_url("**statistic=q0.95**")
    expect(page.locator("#features-part .chart-place")).to_have_count(1)
    drawn(page, "#features-part")
    assert page.locator("h1").count() == 1
    assert heard.said == []


@pytest.mark.parametrize("size", [1000, 390])
@pytest.mark.parametrize(
    "address",
    [
        "/flights/2013-02-a",
        "/flights/2013-02-a/features/dep_delay",
        "/-/compare?before=flights/2013-01-a&after=flights/2013-02-a",
    ],
)
def test_no_page_scrolls_sideways_and_each_can_be_read_by_all(
    server: str, heard: SimpleNamespace, address: str, size: int
) -> None:
    page = heard.page
    page.set_viewport_size({"width": size, "height": 900})
    page.goto(f"{server}{address}")
    drawn(page)
    assert page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    if size == 1000:
        assert violations(page) == []
        page.emulate_media(color_scheme="dark")
        assert violations(page) == []
    assert heard.said == []


def test_no_name_of_the_data_does_anything(server: str, heard: SimpleNamespace) -> None:
    page = heard.page
    page.goto(f"{server}/hostile/a")
    for place in range(page.locator(".chart-place").count()):
        drawn(page, place=place)
    hostile = page.locator("#features-part tbody th a").filter(has_text="</script>").first
    hostile.click()
    expect(page.locator("h1")).to_contain_text("</script><script>alert(1)</script>")
    drawn(page)
    assert heard.said == []
