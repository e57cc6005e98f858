"""Draws the Mermaid diagrams of docs/ for the site: python -m scripts.diagrams MERMAID_JS.

GitHub draws the diagrams itself. The site shows these pictures, since the library that draws them would come from a
network. A picture is named by its diagram's digest: a diagram that has changed has none, and the site says so.
MERMAID_JS is dist/mermaid.min.js of the npm package (`npm pack mermaid@11`). Needs Chromium.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = ["DIAGRAMS", "digest", "drawn_diagrams"]

DOCS = Path(__file__).resolve().parents[1] / "docs"
DIAGRAMS = DOCS / "images" / "diagrams"
FONT = "'Report Sans', 'Liberation Sans', Arial, Helvetica, sans-serif"
THEMES = {
    "light": {"theme": "neutral", "themeVariables": {"fontFamily": FONT}},
    "dark": {"theme": "dark", "themeVariables": {"fontFamily": FONT}},
}

_DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```", re.MULTILINE | re.DOTALL)


def digest(diagram: str) -> str:
    """The name of a diagram's pictures."""
    return hashlib.sha256(diagram.encode()).hexdigest()[:12]


def drawn_diagrams() -> Iterator[str]:
    """The diagrams of all documents."""
    for path in sorted(DOCS.rglob("*.md")):
        yield from _DIAGRAM.findall(path.read_text(encoding="utf-8"))


def main() -> None:
    """Draw each diagram in both themes, and remove the pictures of diagrams that are gone."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", type=Path, metavar="MERMAID_JS")
    library = parser.parse_args().library.read_text(encoding="utf-8")
    shutil.rmtree(DIAGRAMS, ignore_errors=True)
    DIAGRAMS.mkdir(parents=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium") or "/usr/bin/chromium")
        for scheme, theme in THEMES.items():
            page = browser.new_page()
            page.set_content("<main></main>")
            page.add_script_tag(content=library)
            page.evaluate("theme => mermaid.initialize({startOnLoad: false, ...theme})", theme)
            for diagram in drawn_diagrams():
                svg = page.evaluate("async text => (await mermaid.render('diagram', text)).svg", diagram)
                path = DIAGRAMS / f"{digest(diagram)}-{scheme}.svg"
                path.write_text(_well_formed(str(svg)), encoding="utf-8")
                print(path)  # noqa: T201
        browser.close()


def _well_formed(svg: str) -> str:
    """The picture as a file of its own: XML, with the width that it was laid out for."""
    box = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"', svg)
    svg = svg.replace("<br>", "<br/>")
    if box is None:
        return svg + "\n"
    return svg.replace('width="100%"', f'width="{float(box[1]):.0f}" height="{float(box[2]):.0f}"', 1) + "\n"


if __name__ == "__main__":
    main()
