"""The page of the gallery, made of what `python -m scripts.docs_site.gallery` drew."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

__all__ = ["GALLERY", "gallery_files"]

ROOT = Path(__file__).resolve().parents[2]
GALLERY = Path(os.environ.get("IG_TASKS_GALLERY") or ROOT / ".gallery")
FOLDER = "gallery"
PAGE = "gallery.md"

_BESIDE = " The numbers are in the table."
"""True of pages and notebooks, which have the table."""
_INTRODUCTION = """\
# Gallery
Every picture that ig-tasks draws, from the flights, reviews and digits of this repository. `explanation` is what
`ig_tasks.explain` returns; a picture is saved by `.save("name.svg")` (or `.png`, `.html`). What raises the output has
one colour everywhere, what lowers it another.
"""


def gallery_files() -> Mapping[str, str | bytes]:
    """{file of the site: content}.

    Raises:
        PluginError: if there is no gallery yet.
    """
    try:
        pictures = json.loads((GALLERY / "gallery.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PluginError("there is no gallery; `python -m scripts.docs_site.gallery` draws it") from None
    drawn = {
        f"{FOLDER}/{path.name}": path.read_bytes() for path in sorted(GALLERY.glob("*.*")) if path.suffix != ".json"
    }
    return {PAGE: "\n".join(_page(pictures)), **drawn}


def _page(pictures: list[dict[str, Any]]) -> Iterator[str]:
    yield _INTRODUCTION
    part = None
    for picture in pictures:
        if picture["part"] != part:
            part = picture["part"]
            yield f"## {part}\n"
        yield f"### {picture['title']}\n"
        if picture["call"]:
            yield f"```python\n{picture['call']}\n```\n"
        yield f"{html.escape(picture['words'].removesuffix(_BESIDE))}\n"
        for scheme, name in picture["files"].items():
            scheme = f"#only-{scheme}" if len(picture["files"]) > 1 else ""
            yield f"![{html.escape(picture['title'])}]({FOLDER}/{name}{scheme}){{ loading=lazy }}"
        yield ""
