"""No file imports itself by way of others: not for types alone either, and not inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSE = ("ig_tasks", "include", "dags", "plugins", "benchmarks")


def modules_in(root: Path, *folders: str) -> dict[str, Path]:
    """{dotted name: file}; a package goes by the name of its folder."""
    files = [file.relative_to(root) for folder in folders for file in (root / folder).rglob("*.py")]
    return {".".join(file.with_suffix("").parts).removesuffix(".__init__"): root / file for file in files}


def imports_of(file: Path) -> Iterator[str]:
    """Every name that is imported anywhere in a file, in full."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def circle_in(root: Path, *folders: str) -> str | None:
    """`a -> b -> a` where files import one another; None where none do."""
    modules = modules_in(root, *folders)
    graph: dict[str, set[str]] = {module: set() for module in modules}
    for module, file in modules.items():
        for name in imports_of(file):
            # The name is a module, or stands in one.
            home = name if name in modules else name.rpartition(".")[0]
            if home in modules and home != module:
                graph[module].add(home)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " -> ".join(reversed(error.args[1]))
    return None


def test_the_house_has_no_circles() -> None:
    assert {"ig_tasks", "ig_tasks.attribution.problem", "ig_tasks.cli"} <= modules_in(ROOT, *HOUSE).keys()
    assert circle_in(ROOT, *HOUSE) is None


@pytest.mark.parametrize(
    "closing",
    [
        "from house.one import One",
        "import house.one",
        "from house import one",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.one import One",
        "def late():\n    from house.one import One",
    ],
)
def test_a_circle_is_found_however_it_is_closed(tmp_path: Path, closing: str) -> None:
    house = tmp_path / "house"
    house.mkdir()
    (house / "__init__.py").write_text("from house.one import One\n")
    (house / "one.py").write_text("from house.two import Two\n")
    (house / "two.py").write_text("import os\n")
    assert circle_in(tmp_path, "house") is None
    (house / "two.py").write_text(closing + "\n")
    found = circle_in(tmp_path, "house")
    assert found is not None
    assert set(found.split(" -> ")) == {"house.one", "house.two"}
