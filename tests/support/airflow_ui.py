"""Airflow's UI in Chromium as a person sees it who has logged in, and what went wrong on the way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Frame, Page, expect, sync_playwright

from support.accessibility import violations
from support.patience import PATIENCE, until

expect.set_options(timeout=PATIENCE * 1000)
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
WIDTHS, THEMES = (1400, 1000, 390), ("light", "dark")
_GROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 25, 29)"}
# As Airflow does in another window: its choice stands in the storage that pages of one host share.
_CHOOSE = """(theme) => {
    localStorage.setItem("theme", theme);
    dispatchEvent(new StorageEvent("storage", {key: "theme", newValue: theme}));
    return getComputedStyle(document.body).backgroundColor;
}"""
# The `sandbox` that Airflow gives to every plugin's frame, of which a browser warns.
_FRAMES = "An iframe which has both allow-scripts and allow-same-origin"


class AirflowUi:
    """One browser window.

    Attributes:
        heard: errors and warnings of our pages; Airflow's own are left to it.
        elsewhere: addresses of other hosts that were asked for.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.heard: list[str] = []
        self.elsewhere: list[str] = []
        page.set_default_timeout(PATIENCE * 1000)
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.heard.append(str(error)))
        page.on("request", lambda request: self._note(request.url))

    def _listen(self, message: Any) -> None:
        ours = "/ig/" in urlsplit(message.location["url"]).path and _FRAMES not in message.text
        if message.type in ("error", "warning") and ours:
            self.heard.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _note(self, address: str) -> None:
        if not address.startswith((self.url, f"blob:{self.url}", "data:")):
            self.elsewhere.append(address)

    def log_in(self, user: str, password: str) -> None:
        """From Airflow's home page, which asks for it."""
        self.page.goto(f"{self.url}/")
        self.page.fill("input[name=username]", user)
        self.page.fill("input[name=password]", password)
        self.page.click("button[type=submit]")
        expect(self.page.get_by_test_id("nav-home-link")).to_be_visible()

    def frame(self, place: str) -> Frame:
        """The frame of the report browser, once it shows a page whose address holds `place`."""

        def there() -> list[Frame]:
            self.page.wait_for_timeout(100)  # in which the browser's events arrive
            return [frame for frame in self.page.frames[1:] if place in urlsplit(frame.url).path]

        until(there, f"a page of {place}")
        (frame,) = there()
        frame.wait_for_load_state("networkidle")
        expect(frame.get_by_role("heading", level=1)).to_be_visible()
        return frame

    def look(self, path: str) -> None:
        """A page of the browser by itself: whole at every width, light and dark, and open to everyone."""
        answer = self.page.goto(f"{self.url}{path}")
        assert answer is not None
        assert answer.status == 200, (path, answer.status)
        self.page.wait_for_load_state("networkidle")
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            for theme in THEMES:
                seen = (path, width, theme)
                assert (*seen, self.page.evaluate(_CHOOSE, theme)) == (*seen, _GROUNDS[theme])
                assert self.page.evaluate("document.documentElement.scrollWidth") <= width, seen
                assert (*seen, violations(self.page)) == (*seen, [])


@contextmanager
def airflow_ui(url: str) -> Iterator[AirflowUi]:
    """A new window of a browser that knows nobody."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        try:
            yield AirflowUi(browser.new_page(viewport={"width": 1400, "height": 900}), url)
        finally:
            browser.close()
