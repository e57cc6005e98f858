"""Takes the pictures of the report browser in docs/images: python -m scripts.screenshots STORE NAME.

STORE is a folder of runs, NAME the spec whose pages are shown; the flights of 2013 over all months make the pictures of
this repository. Needs Chromium and `ig-tasks serve`, nothing else.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
WIDTH, HEIGHT = 1200, 800


def main() -> None:
    """Start the browser on the store, walk from the overview to a row, and photograph each page on the way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store")
    parser.add_argument("name")
    parser.add_argument("--to", type=Path, default=IMAGES)
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or "/usr/bin/chromium"
    with served(options.store) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(address)
        take(page, options.to / "browser-overview.png")
        page.locator(f'a[href$="/{options.name}"]').first.click()
        take(page, options.to / "browser-model.png")
        page.locator("main table").last.locator("a[href]").first.click()
        page.wait_for_load_state("networkidle")
        report = page.url
        page.locator('a[href*="/features/"]').first.click()
        take(page, options.to / "browser-feature.png")
        page.goto(report.split("?")[0] + "/rows")
        take(page, options.to / "browser-rows.png")
        page.locator('main a[href*="/rows/"]').first.click()
        take(page, options.to / "browser-row.png")
        page.emulate_media(color_scheme="dark")
        page.goto(report)
        take(page, options.to / "browser-report-dark.png")
        browser.close()


@contextmanager
def served(store: str) -> Iterator[str]:
    """The address that `ig-tasks serve` prints, while it runs."""
    command = [sys.executable, "-m", "ig_tasks.cli", "serve", store]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            for line in server.stdout or ():
                if address := re.search(r"http://127\.0\.0\.1:\S+", line):
                    yield address[0]
                    return
            raise SystemExit(f"ig-tasks serve {store} printed no address")
        finally:
            server.terminate()


def take(page: Page, path: Path) -> None:
    """One picture of what is seen first, once its charts are drawn."""
    page.wait_for_load_state("networkidle")
    drawn = """() => [...document.querySelectorAll('.chart-place')].every(place => {
        const box = place.getBoundingClientRect();
        return box.bottom < 0 || box.top > innerHeight || place.dataset.drawn || place.classList.contains('failed');
    })"""
    page.wait_for_function(drawn)
    page.screenshot(path=str(path))
    print(path)  # noqa: T201


if __name__ == "__main__":
    main()
