"""What MkDocs adds to docs/ when it builds the site: the front page, the reference of Python, the gallery.

The files of docs/ are written for readers on GitHub and stay as they are. README.md becomes the front page. A link to a
file outside docs/ leads to its copy in the site. A diagram in Mermaid's language becomes the picture that
`python -m scripts.diagrams` drew of it, since the library that draws it would come from a network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

from scripts.diagrams import DIAGRAMS, digest
from scripts.docs_site.gallery_page import gallery_files
from scripts.docs_site.python_reference import python_pages

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FONTS = ROOT / "ig_tasks" / "charts" / "fonts"

MOVED = {"index.md": "README.md", "changelog.md": "CHANGELOG.md", "security.md": "SECURITY.md"}
"""{page of the site: the file of the repository that it is}."""
OTHERS = "Questions"
"""The part of the menu that takes pages which it does not name."""
COPIES = "files"
"""The folder of the site for files that are neither pages nor pictures of docs/."""

_FENCED = re.compile(r"^```.*?^```[^\S\n]*$", re.MULTILINE | re.DOTALL)
_DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```[^\S\n]*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_COMMENT = re.compile(r"^<!--.*?-->[^\S\n]*\n", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Pages that have no place in the menu yet go to the last of its section of questions."""
    named = set(_named(config.nav))
    section = next(part[OTHERS] for part in config.nav if OTHERS in part)
    pages = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    section.extend(page for page in pages if page not in named)
    return config


def _named(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for part in nav.values() if isinstance(nav, dict) else nav:
            yield from _named(part)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages and files that do not lie in docs/."""
    for page, source in MOVED.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for page, text in python_pages().items():
        files.append(File.generated(config, page, content=text))
    for name, content in gallery_files().items():
        files.append(File.generated(config, name, content=content))
    for font in sorted(FONTS.glob("*.woff2")):
        files.append(File.generated(config, f"assets/{font.name}", abs_src_path=str(font)))
    for page in [file.src_uri for file in files.documentation_pages()]:
        for copied in _outside(page):
            name = f"{COPIES}/{copied.relative_to(ROOT).as_posix()}"
            if name not in files.src_uris:
                files.append(File.generated(config, name, abs_src_path=str(copied)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """A page's text with links that hold in the site, diagrams as pictures, and no comments for the tests."""
    name = page.file.src_uri
    text = _DIAGRAM.sub(lambda found: _pictured(found[1], name), markdown)
    return outside_fences(text, lambda part: _LINK.sub(lambda found: _relinked(found, name), _COMMENT.sub("", part)))


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """The text with everything changed but its fenced blocks."""
    parts, at = [], 0
    for fence in _FENCED.finditer(text):
        parts += [change(text[at : fence.start()]), fence[0]]
        at = fence.end()
    return "".join([*parts, change(text[at:])])


def _source(page: str) -> Path:
    return ROOT / MOVED[page] if page in MOVED else DOCS / page


def _outside(page: str) -> Iterator[Path]:
    """Files of the repository outside docs/ that a page has links to."""
    source = _source(page)
    if source.is_file():
        for _, _, target in _LINK.findall(_FENCED.sub("", source.read_text(encoding="utf-8"))):
            path = _target(source, target)
            if path is not None and path.is_file() and not path.is_relative_to(DOCS) and not _page_of(path):
                yield path


def _target(source: Path, target: str) -> Path | None:
    """The file that a link means; None where it leads out of the repository, or stays on its page."""
    file = target.partition("#")[0]
    if not file or ":" in file:
        return None
    path = (source.parent / file).resolve()
    return path if path.is_relative_to(ROOT) else None


def _page_of(path: Path) -> str | None:
    return next((page for page, source in MOVED.items() if ROOT / source == path), None)


def _relinked(found: re.Match[str], page: str) -> str:
    mark, words, target = found.groups()
    path = _target(_source(page), target)
    if path is None:
        return found[0]
    if path.is_dir():
        return words
    if path.is_relative_to(DOCS):
        place = path.relative_to(DOCS).as_posix()
    else:
        place = _page_of(path) or f"{COPIES}/{path.relative_to(ROOT).as_posix()}"
    anchor = target.partition("#")[2]
    return f"{mark}[{words}]({_relative(place, page)}{'#' * bool(anchor)}{anchor})"


def _relative(place: str, page: str) -> str:
    return os.path.relpath(place, Path(page).parent)


def _pictured(diagram: str, page: str) -> str:
    name = digest(diagram)
    both = [DIAGRAMS / f"{name}-{scheme}.svg" for scheme in ("light", "dark")]
    if not all(path.is_file() for path in both):
        raise PluginError(f"docs/{page}: a diagram has no picture; `python -m scripts.diagrams` draws it")
    places = [_relative(path.relative_to(DOCS).as_posix(), page) for path in both]
    return f"![Diagram]({places[0]}#only-light)\n![Diagram]({places[1]}#only-dark)"
