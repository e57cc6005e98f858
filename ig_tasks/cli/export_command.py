"""The command `ig-tasks export`."""

from __future__ import annotations

from typing import Annotated

import typer

from ig_tasks.cli.writing import require_file, write_whole

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
    if to != "-":
        require_file(to)
    from ig_tasks.reports.exporters import export_text
    from ig_tasks.store.runs import locate_report

    located, uri = locate_report(report)
    pieces = export_text(located, uri, format_)
    if to == "-":
        for piece in pieces:
            typer.echo(piece, nl=False)
        return
    write_whole(to, (piece.encode("utf-8") for piece in pieces))
