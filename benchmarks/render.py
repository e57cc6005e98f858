"""Results into docs/benchmarks.md and its chart.

    python -m benchmarks.render [RESULTS]

The document's prose is written by hand; what stands between `<!-- generated: NAME -->` and `<!-- end -->` is made
here.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from benchmarks.chart import chart
from benchmarks.places import RESULTS, ROOT
from benchmarks.results import Results
from benchmarks.tables import honesty_table, suite_table, summary_table

__all__ = ["parts", "rewritten"]

DOCUMENT = ROOT / "docs" / "benchmarks.md"
CHART = ROOT / "docs" / "images" / "benchmarks.svg"
WIDTH = 118


def parts(results: Results) -> dict[str, str]:
    """The generated parts of the document by name."""
    return {
        "machine": _machine(results),
        "summary": summary_table(results.suites),
        "honesty": honesty_table(results.suites),
        "models": "\n\n".join(_suite(results, number) for number in range(len(results.suites))),
    }


def rewritten(text: str, made: dict[str, str]) -> str:
    """The document with its generated parts anew. Raises KeyError for a part that nobody makes."""

    def replace(found: re.Match[str]) -> str:
        name = found.group(1)
        return f"<!-- generated: {name} -->\n{made[name]}\n<!-- end -->"

    return re.sub(r"<!-- generated: (\w+) -->\n.*?<!-- end -->", replace, text, flags=re.DOTALL)


def _machine(results: Results) -> str:
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    said = (
        f"Measured on {machine.cores} cores of {machine.processor}, {machine.memory_gigabytes} GB of memory, "
        f"{machine.system}; {results.threads} threads. Python {machine.python}, {versions}. "
        f"The whole run took {results.seconds / 60:.0f} minutes."
    )
    return _wrapped(said)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_on_hyphens=False, break_long_words=False)


def _suite(results: Results, number: int) -> str:
    suite = results.suites[number]
    wrapped = [_wrapped(note) for note in suite.notes]
    ran = [f"{entry.setting} ran {entry.chosen}" for entry in suite.ours if entry.chosen]
    how = _wrapped(f"{suite.rows:,} rows; errors against: {suite.reference}. ig-tasks: {'; '.join(ran)}.")
    return "\n\n".join([f"### {suite.title}\n{how}", suite_table(suite), *wrapped])


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.render", description="Results into the documents")
    parser.add_argument("results", type=Path, nargs="?", default=RESULTS, help="the JSON file (%(default)s)")
    parser.add_argument("--png", type=Path, help="also write the chart as PNG, to look at")
    arguments = parser.parse_args(given)
    if not arguments.results.exists():
        parser.error(f"there is no '{arguments.results}'; run python -m benchmarks first")
    results = Results.read(arguments.results)
    DOCUMENT.write_text(rewritten(DOCUMENT.read_text(encoding="utf-8"), parts(results)), encoding="utf-8")
    drawn = chart(results.suites)
    drawn.save(CHART)
    if arguments.png:
        drawn.save(arguments.png, scale_factor=2)
    print(f"'{DOCUMENT.relative_to(ROOT)}' and '{CHART.relative_to(ROOT)}'")
    if results.quick:
        print("warning: these results are of a quick run", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
