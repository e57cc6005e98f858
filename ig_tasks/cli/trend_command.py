"""The command `ig-tasks trend`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ig_tasks.errors import InputError, brief

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

    found = read_trend(runs)
    file = Path(to if to is not None else f"trend_{found.name}.html").absolute()
    part = file.with_name(f"{file.name}.part")
    try:
        part.write_text(render_trend(found, str(file.parent)), encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise InputError(f"--to {file}: cannot be written ({brief(error)})") from None
    finally:
        part.unlink(missing_ok=True)
    typer.echo(str(file))
