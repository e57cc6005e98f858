"""Commands that compare reports: `ig-tasks diff` and `ig-tasks launch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ig_tasks.errors import InputError

__all__ = ["diff", "launch"]

RUN_HELP = "A run's folder, its report.json, STORE/NAME for the latest, or STORE/NAME@PARTITION."


def diff(
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help=RUN_HELP)],
    current: Annotated[str, typer.Argument(metavar="CURRENT", help="The run compared with it, named likewise.")],
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write everything as JSON; - for standard output.")
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=2, help="Rows of each period on which models and values are exchanged.")
    ] = None,
    cross: Annotated[
        bool, typer.Option("--cross/--no-cross", help="Compute what stored sums cannot tell, on Dask workers.")
    ] = True,
    trusted_root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder whose model code may run; the working folder.")
    ] = None,
) -> int:
    """Say which features' importance changed between two runs, whether that is real, and why.

    Exit code 1: an alarm, where the current spec's drift.severity is critical.
    """
    from rich.console import Console

    import ig_tasks
    from ig_tasks.pipeline import to_stderr
    from ig_tasks.reports.drift_terminal import print_drift
    from ig_tasks.validation.drift.compare import severity_of

    if json_file not in (None, "-") and not Path(str(json_file)).absolute().parent.is_dir():
        raise InputError(f"--json {json_file}: there is no such folder")
    drift = ig_tasks.compare(reference, current, rows=rows, cross=cross, trusted_root=trusted_root, log=to_stderr)
    text = drift.model_dump_json(indent=2)
    if json_file == "-":
        typer.echo(text)
    else:
        if json_file is not None:
            Path(json_file).write_text(text + "\n", encoding="utf-8")
        print_drift(drift, Console(highlight=False))
    return 1 if drift.alarms and severity_of(drift) == "critical" else 0


def launch(
    run: Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP)],
) -> None:
    """Name a published report as the one with which its model was launched.

    Specs with drift.reference: launch are compared with it.
    """
    from ig_tasks.pipeline import to_stderr
    from ig_tasks.validation.drift.references import register_launch

    typer.echo(register_launch(run, say=to_stderr))
