"""The command `ig-tasks export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ig_tasks.errors import InputError, brief

__all__ = ["export"]


def export(
    report: Annotated[
        str, typer.Argument(metavar="REPORT", help="A report.json, a run's folder, or a folder with latest.json.")
    ],
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="csv, michelangelo, clarify, vertex, shap, model-card, cyclonedx or mlflow.",
        ),
    ] = "csv",
    to: Annotated[str, typer.Option(metavar="FILE", help="Where to write; - for standard output.")] = "-",
) -> None:
    """Write a report in the format of another system; vertex and shap write the run's rows as JSON.

    mlflow logs a run to the server that MLFLOW_TRACKING_URI names, and writes its address.
    """
    from ig_tasks.reports.exporters import export_text
    from ig_tasks.store.runs import locate_report

    found, uri = locate_report(report)
    pieces = export_text(found, uri, format_)
    if to == "-":
        for piece in pieces:
            typer.echo(piece, nl=False)
        return
    part = Path(f"{to}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.writelines(pieces)
        part.replace(to)  # a wrong format or a damaged run leaves an earlier file as it is
    except OSError as error:
        raise InputError(f"--to {to}: cannot be written ({brief(error)})") from None
    finally:
        part.unlink(missing_ok=True)
