"""report.html in Chromium: harmless, offline, whole at phone width, whole on paper.

The browser has DejaVu alone unless a test says otherwise: a page must not count on its reader's fonts. A test that
needs `pdftotext` (poppler-utils) or another font is skipped without it; all of them need Chromium.
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from support.accessibility import violations

from ig_tasks.reports.page import render_page
from ig_tasks.store.report import Report

pytestmark = pytest.mark.browser

SAMPLE = Path(__file__).parents[1] / "unit" / "reports" / "sample_report.py"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
KINDS = ["flights", "withheld", "hostile", "two_target", "wide", "texts_and_images", "foreign"]


@pytest.fixture(scope="session")
def sample() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(SAMPLE)))


@pytest.fixture(scope="session")
def pages(sample: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    reports: dict[str, Report] = {kind: getattr(sample, f"{kind}_report")() for kind in KINDS}
    for kind, report in reports.items():
        (folder / f"{kind}.html").write_text(render_page(report), encoding="utf-8")
    return {kind: folder / f"{kind}.html" for kind in KINDS}


FONTS = Path("/usr/share/fonts")
PACKAGES = {"dejavu": "fonts-dejavu-core", "liberation": "fonts-liberation", "noto": "fonts-noto-core"}
ONLY = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}</dir><cachedir>{cache}</cachedir></fontconfig>
"""


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    if not Path(CHROMIUM).exists():
        pytest.skip("needs chromium: apt-get install chromium")
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browsers(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Browser]]:
    """A browser that has the fonts of one folder under FONTS, by the beginning of the folder's name."""
    running: dict[str, Browser] = {}

    def with_fonts(name: str) -> Browser:
        if name not in running:
            folder = next(iter(sorted(FONTS.glob(f"*/{name}*"))), None)
            if folder is None:
                pytest.skip(f"needs the fonts {name}: apt-get install {PACKAGES[name]}")
            own = tmp_path_factory.mktemp(name)
            (own / "fonts.conf").write_text(ONLY.format(folder=folder, cache=own / "cache"), encoding="utf-8")
            running[name] = playwright.chromium.launch(
                executable_path=CHROMIUM,
                args=["--no-sandbox"],
                env={**os.environ, "FONTCONFIG_FILE": str(own / "fonts.conf")},
            )
        return running[name]

    yield with_fonts
    for browser in running.values():
        browser.close()


@pytest.fixture(scope="session")
def browser(browsers: Callable[[str], Browser]) -> Browser:
    return browsers("dejavu")


@pytest.fixture
def heard(browser: Browser) -> Iterator[SimpleNamespace]:
    """A page, with all that it asks for, says and opens."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    seen = SimpleNamespace(page=page, requests=[], console=[], dialogs=[], errors=[])
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda message: seen.console.append(message.text))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))

    def opened(dialog: object) -> None:
        seen.dialogs.append(dialog)
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", opened)
    yield seen
    page.close()


def goto(page: Page, path: Path) -> None:
    page.goto(path.as_uri(), wait_until="load")


def assert_nothing_is_wider(page: Page, path: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    goto(page, path)
    page.evaluate("document.querySelectorAll('details').forEach(item => item.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # What stands outside a scroll container ends inside the screen.
    outside = page.evaluate(
        """width => [...document.querySelectorAll('h1, h2, h3, p, dd, dt, figcaption, summary, .two, svg, svg text')]
            .filter(item => !item.closest('.scroll'))
            .map(item => [item, item.getBoundingClientRect()])
            .filter(([, box]) => box.right > width + 1 || box.left < -1)
            .map(([item]) => item)
            .map(item => item.tagName + ': ' + item.textContent.slice(0, 60))""",
        width,
    )
    assert outside == []


def assert_charts_are_whole(page: Page) -> None:
    """Every letter of a chart lies within it: cut off on no side, whatever the fonts."""
    beyond = page.evaluate(
        """[...document.querySelectorAll('svg.chart')].flatMap(chart => {
            const room = chart.getBoundingClientRect();
            return [...chart.querySelectorAll('text')]
                .filter(item => item.textContent.trim())
                .map(item => [item.textContent, item.getBoundingClientRect()])
                .filter(([, box]) => box.left < room.left || box.right > room.right
                    || box.top < room.top || box.bottom > room.bottom)
                .map(([text, box]) => [text, box.left - room.left, room.right - box.right]);
        })"""
    )
    assert beyond == []


def assert_labels_are_apart(page: Page) -> None:
    met = page.evaluate(
        """[...document.querySelectorAll('svg.chart')].flatMap(chart => {
            const boxes = [...chart.querySelectorAll('text')]
                .filter(item => item.textContent.trim() && !(item.getAttribute('transform') || '').includes('rotate'))
                .map(item => [item.textContent, item.getBoundingClientRect()]);
            return boxes.flatMap(([one, a], i) => boxes.slice(i + 1)
                .filter(([, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
                    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
                .map(([other]) => one + ' / ' + other));
        })"""
    )
    assert met == []


def assert_nothing_is_cut_off_on_paper(page: Page, path: Path) -> None:
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 695, "height": 1000})  # A4 less its margins, at 96 dots an inch
    goto(page, path)
    wide = page.evaluate(
        """[...document.querySelectorAll('.scroll')].filter(item => item.scrollWidth > item.clientWidth + 1)
            .map(item => item.getAttribute('aria-label') + ' ' + item.scrollWidth + ' > ' + item.clientWidth)"""
    )
    assert wide == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_runs_nothing_loads_nothing_and_breaks_no_policy(
    kind: str, pages: dict[str, Path], heard: SimpleNamespace
) -> None:
    goto(heard.page, pages[kind])
    heard.page.wait_for_timeout(200)
    assert heard.dialogs == []
    assert heard.errors == []
    assert heard.console == [], "the policy was broken, or something failed to load"
    assert heard.requests == [pages[kind].as_uri()]
    assert heard.page.locator("script").count() == 0


def test_hostile_names_are_shown_as_they_are(
    pages: dict[str, Path], heard: SimpleNamespace, sample: SimpleNamespace
) -> None:
    goto(heard.page, pages["hostile"])
    page = heard.page
    assert page.locator("h1").inner_text() == sample.HOSTILE
    assert page.locator("img").count() == 0
    row = page.locator("tr[data-feature]").filter(has_text=sample.HOSTILE)
    assert row.count() == 1
    assert row.first.locator("th").inner_text().startswith(sample.HOSTILE)
    assert page.locator("table").filter(has_text="Rows in quarantine").inner_text().count(sample.HOSTILE) == 1
    # In a chart the same name is text too, cut short.
    assert page.locator("svg text", has_text="</script><script>alert(1)").count() >= 5


def test_the_policy_itself_stops_a_script(pages: dict[str, Path], heard: SimpleNamespace, tmp_path: Path) -> None:
    # Were a name ever not escaped, the policy would still stand before it.
    text = pages["flights"].read_text(encoding="utf-8")
    broken = tmp_path / "broken.html"
    broken.write_text(text.replace("</main>", "<script>alert(1)</script><img src='http://127.0.0.1:9/x'></main>"))
    goto(heard.page, broken)
    heard.page.wait_for_timeout(200)
    assert heard.dialogs == []
    assert any("Content Security Policy" in said for said in heard.console)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(
    kind: str, width: int, pages: dict[str, Path], heard: SimpleNamespace
) -> None:
    assert_nothing_is_wider(heard.page, pages[kind], width)


def test_charts_are_drawn_and_read_on_a_phone(pages: dict[str, Path], heard: SimpleNamespace) -> None:
    page = heard.page
    page.set_viewport_size({"width": 360, "height": 800})
    goto(page, pages["flights"])
    charts = page.locator("svg.chart")
    assert charts.count() == 12
    assert all(chart.bounding_box()["height"] > 80 for chart in charts.all())
    # The smallest letters of a chart, as they stand on the screen.
    smallest = page.evaluate(
        """Math.min(...[...document.querySelectorAll('svg.chart text')].map(item => {
            const chart = item.closest('svg');
            const scale = chart.getBoundingClientRect().width / chart.viewBox.baseVal.width;
            return parseFloat(item.getAttribute('font-size')) * scale;
        }))"""
    )
    assert smallest >= 8.5


@pytest.mark.parametrize("width", [900, 1280])
def test_a_table_of_quantiles_stands_whole_beside_or_below_its_chart(
    width: int, pages: dict[str, Path], heard: SimpleNamespace
) -> None:
    page = heard.page
    page.set_viewport_size({"width": width, "height": 800})
    goto(page, pages["flights"])
    cut = "items => items.filter(item => item.scrollWidth > item.clientWidth).length"
    assert page.locator(".scroll:has(.quantiles)").evaluate_all(cut) == 0


def test_a_check_is_read_on_a_phone_without_scrolling(pages: dict[str, Path], heard: SimpleNamespace) -> None:
    page = heard.page
    page.set_viewport_size({"width": 360, "height": 800})
    goto(page, pages["flights"])
    table = page.locator(".checks")
    assert table.evaluate("table => table.scrollWidth <= table.parentElement.clientWidth")
    assert min(said.bounding_box()["width"] for said in table.locator("tbody th").all()) > 300


def test_the_cells_of_an_image_are_squares_of_one_size(pages: dict[str, Path], heard: SimpleNamespace) -> None:
    page = heard.page
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        goto(page, pages["texts_and_images"])
        tables = page.locator("table.heatmap")
        assert tables.count() == 10
        for table in tables.all()[:2]:
            sizes = table.evaluate(
                """table => [...table.querySelectorAll('td')].map(cell => cell.getBoundingClientRect())
                    .map(box => [box.width, box.height])"""
            )
            assert max(max(size) for size in sizes) - min(min(size) for size in sizes) <= 1.0
            # No number runs into its neighbour.
            assert table.evaluate(
                "table => [...table.querySelectorAll('td')].every(c => c.scrollWidth <= c.offsetWidth)"
            )


def test_a_chart_of_few_features_is_not_blown_up_on_a_phone(
    pages: dict[str, Path], heard: SimpleNamespace, sample: SimpleNamespace, tmp_path: Path
) -> None:
    body = sample.flights_body()
    two = ("dep_delay", "carrier")
    body["importance"] = [row for row in body["importance"] if row["feature"] in two]
    body["segments"] = [row for row in body["segments"] if row["feature"] in two]
    few = tmp_path / "few.html"
    few.write_text(render_page(Report.model_validate(body)), encoding="utf-8")
    heard.page.set_viewport_size({"width": 360, "height": 800})
    goto(heard.page, few)
    for chart in heard.page.locator(".chart-scroll svg").all():
        assert chart.evaluate("svg => svg.getBoundingClientRect().width <= 1.2 * svg.viewBox.baseVal.width")


def test_labels_of_a_chart_do_not_lie_on_each_other(pages: dict[str, Path], heard: SimpleNamespace) -> None:
    goto(heard.page, pages["flights"])
    assert_labels_are_apart(heard.page)


@pytest.mark.parametrize("kind", ["flights", "hostile", "foreign"])
def test_no_label_of_a_chart_is_cut_off(kind: str, pages: dict[str, Path], heard: SimpleNamespace) -> None:
    goto(heard.page, pages[kind])
    assert_charts_are_whole(heard.page)


def test_the_page_is_drawn_in_its_own_font(pages: dict[str, Path], heard: SimpleNamespace) -> None:
    goto(heard.page, pages["flights"])
    loaded = heard.page.evaluate("[...document.fonts].filter(f => f.status == 'loaded').map(f => f.family + f.weight)")
    assert {face.replace('"', "") for face in loaded} == {"Report Sans400", "Report Sans600 900"}


@pytest.mark.parametrize("fonts", ["liberation", "noto"])
@pytest.mark.parametrize("kind", ["flights", "texts_and_images", "foreign"])
def test_a_page_is_whole_with_other_fonts(
    kind: str, fonts: str, pages: dict[str, Path], browsers: Callable[[str], Browser]
) -> None:
    page = browsers(fonts).new_page()
    for width in (360, 1280):
        assert_nothing_is_wider(page, pages[kind], width)
        assert_charts_are_whole(page)
        assert_labels_are_apart(page)
    assert_nothing_is_cut_off_on_paper(page, pages[kind])
    page.close()


def test_text_is_dark_enough_to_be_read(pages: dict[str, Path], heard: SimpleNamespace) -> None:
    # Contrast of 4.5 to 1 (WCAG 2.2, 1.4.3) against the nearest background that is not transparent.
    for kind in ("flights", "withheld"):
        goto(heard.page, pages[kind])
        weak = heard.page.evaluate(
            """() => {
                const parts = colour => colour.match(/[\\d.]+/g).map(Number);
                const light = ([r, g, b]) => [r, g, b].map(part => part / 255)
                    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
                    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
                const ground = item => {
                    for (; item; item = item.parentElement) {
                        const colour = parts(getComputedStyle(item).backgroundColor);
                        if (colour.length < 4 || colour[3] > 0) return colour;
                    }
                    return [255, 255, 255];
                };
                return [...document.querySelectorAll('body *:not(svg):not(svg *)')]
                    .filter(item => [...item.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()))
                    .map(item => {
                        const [a, b] = [light(parts(getComputedStyle(item).color)), light(ground(item))];
                        return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), item.textContent.slice(0, 40)];
                    })
                    .filter(([contrast]) => contrast < 4.5);
            }"""
        )
        assert weak == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_cut_off_on_paper(kind: str, pages: dict[str, Path], heard: SimpleNamespace) -> None:
    assert_nothing_is_cut_off_on_paper(heard.page, pages[kind])


def test_paper_shows_what_the_screen_folds_away(pages: dict[str, Path], heard: SimpleNamespace, tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext: apt-get install poppler-utils")
    goto(heard.page, pages["flights"])
    paper = tmp_path / "report.pdf"
    heard.page.pdf(path=str(paper), prefer_css_page_size=True, print_background=True)
    done = subprocess.run(["pdftotext", "-layout", str(paper), "-"], capture_output=True, text=True, check=True)
    assert "These numbers can be trusted" in done.stdout
    # Inside <details>, closed on the screen.
    assert done.stdout.count("01" * 32) == 1
    assert "Mean |attribution| by Carrier with the signed mean under it" in done.stdout
    pages_of_paper = done.stdout.count("\f")
    assert 5 <= pages_of_paper <= 16
    assert f"1 / {pages_of_paper}" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_keeps_out_who_does_not_see_the_page_or_uses_no_mouse(
    kind: str, pages: dict[str, Path], heard: SimpleNamespace
) -> None:
    """No violation of a rule of axe-core, moderate ones included."""
    goto(heard.page, pages[kind])
    assert violations(heard.page, impacts=frozenset({"moderate", "serious", "critical"})) == []
