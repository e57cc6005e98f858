"""The documentation as a site: it is built strictly, has every page, and nothing of it comes from a network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import docs

pytestmark = pytest.mark.slow

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="10" height="10"/></svg>'
_LOADED = (
    re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?([^"'\s>]+)"""),
    re.compile(r"""<link\b[^>]*\bhref=["']?([^"'\s>]+)"""),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, with a gallery of one picture: to draw all of them takes a minute."""
    folder = tmp_path_factory.mktemp("site")
    gallery = folder / "gallery"
    gallery.mkdir()
    files = {"light": "bar-light.svg", "dark": "bar-dark.svg"}
    for name in files.values():
        (gallery / name).write_text(PICTURE)
    entry = {"part": "An explanation", "title": "explanation.bar", "call": "explanation.bar()", "words": "<Bars>"}
    (gallery / "gallery.json").write_text(json.dumps([{**entry, "files": files}]))
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder / "out")],
        cwd=docs.ROOT,
        env=os.environ | {"IG_TASKS_GALLERY": str(gallery), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


def test_every_document_is_a_page(site: Path) -> None:
    written = {path.relative_to(docs.ROOT / "docs").with_suffix(".html") for path in (docs.ROOT / "docs").rglob("*.md")}
    made = {path.relative_to(site) for path in site.rglob("*.html")}
    others = ("404", "index", "changelog", "security", "python", "python_airflow", "gallery")
    assert made == written | {Path(f"{name}.html") for name in others}


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = [address for pattern in _LOADED for address in pattern.findall(text)]
        assert len(loaded) > 5
        assert [address for address in loaded if "://" in address or address.startswith("//")] == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", style.read_text(encoding="utf-8")), style.name


def test_the_reference_has_every_public_name(site: Path) -> None:
    import ig_tasks
    import ig_tasks.orchestration as airflow_side

    for page, names in (("python", ig_tasks.__all__), ("python_airflow", airflow_side.__all__)):
        text = (site / f"{page}.html").read_text(encoding="utf-8")
        package = "ig_tasks" if page == "python" else "ig_tasks.orchestration"
        assert [name for name in names if name != "__version__" and f"{package}.{name}" not in text] == []
    python = (site / "python.html").read_text(encoding="utf-8")
    assert "median of numbers" in python or "tolerance" in python


def test_diagrams_and_the_gallery_are_pictures_in_both_schemes(site: Path) -> None:
    architecture = (site / "architecture.html").read_text(encoding="utf-8")
    shown = re.findall(r'src="(images/diagrams/[0-9a-f]+-(light|dark)\.svg)#only-(light|dark)"', architecture)
    assert len(shown) >= 6
    assert all(scheme == only and (site / file).is_file() for file, scheme, only in shown)
    assert "flowchart TB" not in architecture
    gallery = (site / "gallery.html").read_text(encoding="utf-8")
    assert "&lt;Bars&gt;" in gallery
    assert [(site / "gallery" / f"bar-{scheme}.svg").read_text() for scheme in ("light", "dark")] == [PICTURE] * 2


def test_comments_for_the_tests_are_not_on_the_pages(site: Path) -> None:
    assert [page.name for page in site.rglob("*.html") if "<!-- test:" in page.read_text(encoding="utf-8")] == []


def test_a_list_is_a_list(site: Path) -> None:
    """GitHub begins a list without a blank line before it; here it would be words of the paragraph."""
    for page in site.rglob("*.html"):
        text = re.sub(r"<pre.*?</pre>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"<p>[^<]*\n- ", text), page.relative_to(site)


def test_the_gallery_finds_pictures_by_itself() -> None:
    program = (
        "from scripts.docs_site.gallery import chart_functions, picture_methods;"
        "print(*chart_functions()); print(*picture_methods())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=docs.ROOT, capture_output=True, text=True, check=True)
    functions, methods = (line.split() for line in done.stdout.splitlines())
    assert {"waterfall.waterfall", "bars.size_bars", "trend_lines.ranks_over_time"} <= set(functions)
    assert not [name for name in functions if name.split(".")[1].startswith("_")]
    assert set(methods) <= set(dir(__import__("ig_tasks").Explanation))
