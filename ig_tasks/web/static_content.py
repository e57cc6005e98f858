"""The files that pages load: all of the package's own `static/`, known when the server starts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ig_tasks.charts.typeface import FAMILY, FONTS, PARTS, WEIGHTS
from ig_tasks.reports.page_environment import REPORT_STYLES
from ig_tasks.web.palette import palette_css

__all__ = ["StaticFile", "stamped", "static_file"]

_HERE = Path(__file__).parent / "static"
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class StaticFile:
    """A file that a page may load.

    Attributes:
        kind: its content type.
        stamp: changes when its content does.
    """

    content: bytes
    kind: str
    stamp: str


def static_file(name: str) -> StaticFile | None:
    """The file of this name; a name is looked up among those there are, and never joined into a path."""
    return _files().get(name)


def stamped(name: str) -> str:
    """The name with its stamp, so that browsers may keep the file until it changes.

    Raises:
        KeyError: if there is no such file.
    """
    return f"{name}?v={_files()[name].stamp}"


@lru_cache(maxsize=1)
def _files() -> dict[str, StaticFile]:
    own = {path.relative_to(_HERE).as_posix(): path.read_bytes() for path in sorted(_HERE.rglob("*")) if path.is_file()}
    fonts = {f"fonts/{weight}_{part}.woff2": (weight, part) for weight in WEIGHTS for part in PARTS}
    files = {name: _file(name, content) for name, content in own.items() if Path(name).suffix in _KINDS}
    files |= {name: _file(name, (FONTS / Path(name).name).read_bytes()) for name in fonts}
    rules = "\n".join(_face(weight, part, f"{name}?v={files[name].stamp}") for name, (weight, part) in fonts.items())
    sheets = {"fonts.css": rules, "palette.css": palette_css(), "report.css": REPORT_STYLES.read_text(encoding="utf-8")}
    return files | {name: _file(name, text.encode()) for name, text in sheets.items()}


def _file(name: str, content: bytes) -> StaticFile:
    return StaticFile(content, _KINDS[Path(name).suffix], hashlib.sha256(content).hexdigest()[:12])


def _face(weight: str, part: str, address: str) -> str:
    ranges = ", ".join(f"U+{first:X}-{last:X}" for first, last in PARTS[part])
    return (
        f'@font-face {{ font-family: "{FAMILY}"; font-weight: {WEIGHTS[weight]}; font-display: swap; '
        f'unicode-range: {ranges}; src: url("{address}") format("woff2"); }}'
    )
