"""Draws the gallery of the site: python -m scripts.docs_site.gallery.

It finds the pictures by itself. Those of an explanation are the public methods of `ig_tasks.Explanation` that return a
`Chart`. Those of reports and of the browser are the functions of `ig_tasks.charts` that return one: runs are made,
their pages are rendered, and the first chart that each function makes meanwhile is kept. Methods and functions of which
nothing was drawn are named at the end. Needs the data of `make data samples`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import json
import pkgutil
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ig_tasks.charts.chart import Chart
from ig_tasks.errors import UserError
from scripts.docs_site.gallery_page import GALLERY
from scripts.docs_site.gallery_sessions import EXPLAINED, browse_runs

__all__ = ["Picture", "chart_functions", "draw_gallery", "picture_methods"]

ARGUMENTS = {"row": "0", "feature": "'dep_delay'", "by": "'origin'"}
"""{parameter of a picture's method: what it is given}, as Python."""
_PARTS = ("An explanation", "Reports and the browser")


@dataclass(frozen=True)
class Picture:
    """One picture of the gallery."""

    part: str
    title: str
    call: str
    words: str
    files: Mapping[str, str]
    """{colour scheme: file}."""


def picture_methods() -> list[str]:
    """The methods of an explanation that return a picture."""
    from ig_tasks import Explanation

    public = inspect.getmembers(Explanation, inspect.isfunction)
    return [name for name, method in public if not name.startswith("_") and _returns_chart(method)]


def chart_functions() -> list[str]:
    """`module.function` of every chart function of `ig_tasks.charts`."""
    package = importlib.import_module("ig_tasks.charts")
    found = []
    for module in pkgutil.iter_modules(package.__path__):
        functions = inspect.getmembers(importlib.import_module(f"ig_tasks.charts.{module.name}"), inspect.isfunction)
        found += [
            f"{module.name}.{name}"
            for name, function in functions
            if function.__module__ == f"ig_tasks.charts.{module.name}"
            and not name.startswith("_")
            and _returns_chart(function)
        ]
    return found


def _returns_chart(function: Any) -> bool:
    return str(inspect.signature(function).return_annotation).rpartition(".")[2] == "Chart"


class Recorder:
    """The first chart that each function of `ig_tasks.charts` makes."""

    def __init__(self) -> None:
        self.charts: dict[str, Chart] = {}

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        made = Chart.__init__

        def record(chart: Chart, *arguments: Any, **options: Any) -> None:
            made(chart, *arguments, **options)
            frame = inspect.currentframe()
            while frame is not None:
                module = frame.f_globals.get("__name__", "")
                if module.startswith("ig_tasks.charts.") and not frame.f_code.co_name.startswith("_"):
                    self.charts.setdefault(f"{module.rpartition('.')[2]}.{frame.f_code.co_name}", chart)
                    return
                frame = frame.f_back

        Chart.__init__ = record  # type: ignore[method-assign]
        try:
            yield
        finally:
            Chart.__init__ = made  # type: ignore[method-assign]


def draw_gallery(to: Path, rows: int = 300) -> list[Picture]:
    """Draw every picture into a new folder, with `gallery.json`.

    Args:
        to: the folder; what lies there goes.
        rows: of each explanation and run.
    """
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    recorder, missing = Recorder(), []
    pictures: list[Picture] = []
    shown: set[str] = set()
    explained: dict[str, Any] = {}
    for method in picture_methods():
        with recorder.recording():
            call, chart = _picture(method, explained, rows)
        if chart is None:
            missing.append(f"explanation.{method}")
            continue
        shown |= {name for name, made in recorder.charts.items() if made.words == chart.words}
        pictures.append(_drawn(chart, to, method, Picture(_PARTS[0], f"explanation.{method}", call, chart.words, {})))
    with recorder.recording(), tempfile.TemporaryDirectory() as folder:
        browse_runs(Path(folder), rows)
    for name in chart_functions():
        if name in shown:
            continue
        if name not in recorder.charts:
            missing.append(f"ig_tasks.charts.{name}")
            continue
        chart, title = recorder.charts[name], name.rpartition(".")[2].replace("_", " ").capitalize()
        pictures.append(_drawn(chart, to, name, Picture(_PARTS[1], title, "", chart.words, {})))
    if missing:
        print(f"nothing was drawn of: {', '.join(missing)}; see scripts/docs_site", file=sys.stderr)  # noqa: T201
    (to / "gallery.json").write_text(json.dumps([vars(picture) for picture in pictures], indent=1), encoding="utf-8")
    return pictures


def _picture(method: str, explained: dict[str, Any], rows: int) -> tuple[str, Chart | None]:
    """The call and the picture of the first explanation that has it."""
    from ig_tasks import Explanation

    parameters = inspect.signature(getattr(Explanation, method)).parameters.values()
    needed = [each.name for each in parameters if each.default is each.empty and each.name != "self"]
    if any(name not in ARGUMENTS for name in needed):
        return "", None
    call = f"explanation.{method}({', '.join(ARGUMENTS[name] for name in needed)})"
    for name, explain in EXPLAINED.items():
        explained.setdefault(name, explain(rows) if name not in explained else None)
        try:
            chart = eval(call, {"explanation": explained[name]})  # noqa: S307 - made of the lines above
        except UserError:
            continue
        return call, chart
    return call, None


def _drawn(chart: Chart, to: Path, name: str, picture: Picture) -> Picture:
    files = {}
    for scheme in ("light", "dark"):
        file = f"{name}-{scheme}.svg"
        chart.save(to / file, dark=scheme == "dark")
        files[scheme] = file
    print(to / f"{name}-light.svg")  # noqa: T201
    return Picture(picture.part, picture.title, picture.call, picture.words, files)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the gallery."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=GALLERY)
    draw_gallery(parser.parse_args(arguments).to)


if __name__ == "__main__":
    main()
