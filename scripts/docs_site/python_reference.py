"""The pages of the site that describe Python: mkdocstrings fills them from the docstrings."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

__all__ = ["python_pages"]

PACKAGES = {
    "python.md": (
        "ig_tasks",
        "The names of `ig_tasks`, and the classes of what its functions return, as the code describes them.",
    ),
    "python_airflow.md": ("ig_tasks.orchestration", "What DAG files import: `from ig_tasks.orchestration import ...`."),
}
RETURNED = {
    "ig_tasks": {
        "Chart": "ig_tasks.charts.chart",
        "FinishedRun": "ig_tasks.explanations.finished_run",
        "LoadedModel": "ig_tasks.models.loaded",
    },
    "ig_tasks.orchestration": {},
}
"""Classes that have no name in the package, of objects that its functions return."""


def python_pages() -> Mapping[str, str]:
    """{page: Markdown}."""
    return {page: "\n".join(_page(package, text)) for page, (package, text) in PACKAGES.items()}


def _page(package: str, text: str) -> Iterator[str]:
    yield f"# `{package}`\n\n{text}\n"
    homes = importlib.import_module(package)._HOME
    named = {name: home if home.startswith("ig_tasks") else f"{package}.{home}" for name, home in homes.items()}
    for name in sorted(named, key=lambda name: (name[0].isupper(), name.lower())):
        yield from _entry(f"{package}.{name}", named[name], name)
    for name, home in RETURNED[package].items():
        yield from _entry(name, home, name)


def _entry(heading: str, home: str, name: str) -> Iterator[str]:
    # The module in which it is defined; a package's `__init__` may pass it on from there.
    defined = getattr(importlib.import_module(home), name).__module__
    yield f'::: {defined}.{name}\n    options:\n      heading: "{heading}"\n      toc_label: {name}\n'
