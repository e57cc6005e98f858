"""The command `ig-tasks trend`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ig_tasks.cli.writing import require_file, write_whole

__all__ = ["trend"]


def trend(
    runs: Annotated[str, typer.Argument(metavar="STORE/NAME", help="The folder of all runs of a spec.")],
    to: Annotated[
        str | None, typer.Option("--to", metavar="FILE", help="Where to write; trend_NAME.html in the working folder.")
    ] = None,
) -> None:
    """Write one page of all official reports of a spec: importance, ranks and convergence over the partitions."""
    from ig_tasks.reports.trend import read_trend
    from ig_tasks.reports.trend_page import render_trend

    if to is not None:
        require_file(to)
    series = read_trend(runs)
    file = Path(to if to is not None else f"trend_{series.name}.html").absolute()
    write_whole(str(file), [render_trend(series, str(file.parent)).encode("utf-8")])
    typer.echo(str(file))
