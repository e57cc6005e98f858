"""report.html on paper: the page's own parts as a PDF, set by Typst.

The page is read as a tree of the few tags that its templates write. The tree goes to `templates/paper.typ` as data:
nothing of it is ever read as Typst's markup, and the compiler sees no file besides the templates and the font.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from ig_tasks.charts.typeface import FAMILY, FONTS
from ig_tasks.errors import RunError

__all__ = ["can_make_pdf", "pdf_of"]

_SECONDS = 60
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONUSERBASE", "SYSTEMROOT", "TMPDIR")
"""What the program is told of its surroundings: no secret of the server."""
_SKIPPED = {"head", "nav", "script", "style", "title"}
_VOID = {"br", "meta", "link", "img"}
_DRAWING = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_BOX = re.compile(r'viewBox="([-\d.]+) ([-\d.]+) ([\d.]+) ([\d.]+)"')
_BESIDE = 36
"""Units of a drawing on its right, for titles of axes that a page shows beyond its box."""
_WORDS = re.compile(r'aria-label="([^"]*)"')
_FILL = re.compile(r"background:rgba\((\d+),(\d+),(\d+),([\d.]+)\)")
_LONG = re.compile(r"[^\s\u200b]{18}")
"""Letters after which a word may be broken: digests and paths are wider than a column."""
_SPACES = re.compile(r"[ \t\r\n]+")


def pdf_of(page: str, *, title: str, below: str, created: datetime) -> bytes:
    """The PDF of a page that `render_page` made; the same page gives the same bytes.

    Args:
        page: the HTML.
        title: of the document.
        below: what stands at the foot of each page.
        created: when the report was made.

    Raises:
        RunError: if typst is not installed, or cannot set the page.
    """
    if not can_make_pdf():
        raise RunError("a PDF needs the package typst: pip install 'ig-tasks[pdf]'")
    drawings = [_BOX.sub(_wider, drawing, count=1) for drawing in _DRAWING.findall(page)]
    tree = _Tree()
    for place, piece in enumerate(_DRAWING.split(page)):
        tree.feed(piece)
        if place < len(drawings):
            tree.draw(drawings[place], place)
    document = {"title": title, "below": below, "font": FAMILY, "tree": tree.root["k"], "drawings": drawings}
    asked = {"document": document, "fonts": [str(FONTS)], "created": int(created.timestamp())}
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(Path(__file__).parent / "typesetting.py")],
            input=json.dumps(asked).encode("ascii"),
            capture_output=True,
            timeout=_SECONDS,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"the PDF of the report takes longer than {_SECONDS} s") from None
    if done.returncode:
        why = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RunError(f"the PDF of the report cannot be made ({why[-1][:300] if why else 'no reason'})")
    return done.stdout


def can_make_pdf() -> bool:
    """Whether Typst is installed."""
    return importlib.util.find_spec("typst") is not None


def _wider(box: re.Match[str]) -> str:
    return f'viewBox="{box[1]} {box[2]} {float(box[3]) + _BESIDE:g} {box[4]}"'


class _Tree(HTMLParser):
    """Tags as {"t": tag, "c": classes, "k": children}, texts as text; spaces are folded."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root: dict[str, Any] = {"t": "root", "c": [], "k": []}
        self._open = [self.root]
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SKIPPED:
            self._skipped += 1
        if self._skipped:
            return
        held = dict(attrs)
        node: dict[str, Any] = {"t": tag, "c": (held.get("class") or "").split(), "k": []}
        for name in ("colspan", "rowspan"):
            if (held.get(name) or "").isdigit():
                node[name] = int(held[name] or 1)
        if fill := _FILL.search(held.get("style") or ""):
            node["fill"] = [int(fill[1]), int(fill[2]), int(fill[3]), float(fill[4])]
        self._open[-1]["k"].append(node)
        if tag not in _VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._skipped -= 1
        elif not self._skipped and any(node["t"] == tag for node in self._open[1:]):
            while self._open.pop()["t"] != tag:
                pass

    def handle_data(self, data: str) -> None:
        text = _SPACES.sub(" ", data)
        if not self._skipped and text:
            self._open[-1]["k"].append(_LONG.sub(lambda found: f"{found[0]}\u200b", text))

    def draw(self, drawing: str, place: int) -> None:
        """A drawing where the page has it."""
        box, words = _BOX.search(drawing), _WORDS.search(drawing)
        if not self._skipped:
            width = float(box[3]) if box else 400.0
            self._open[-1]["k"].append(
                {"t": "svg", "c": [], "k": [], "n": place, "w": width, "alt": words[1] if words else ""}
            )
