"""The command `ig-tasks reasons`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ig_tasks.cli.drift_commands import RUN_HELP
from ig_tasks.cli.writing import require_file, write_whole
from ig_tasks.errors import InputError, suggest

if TYPE_CHECKING:
    from ig_tasks.explanations.finished_run import FinishedRun
    from ig_tasks.reports.reasons.stored_reasons import StoredReasons
    from ig_tasks.spec import ExplanationSpec

__all__ = ["REASONS_EXAMPLES", "reasons"]

REASONS_EXAMPLES = (
    "ig-tasks reasons ig_runs/flights_torch --threshold 0.5 --space probability --adverse above",
    "ig-tasks reasons include/specs/flights_torch.yaml --row A-1042 --format html --to A-1042.html",
)
_FORMATS = ("text", "csv", "parquet", "html")


def reasons(
    run: Annotated[str, typer.Argument(metavar="RUN", help=f"{RUN_HELP[:-1]}; or a spec's YAML file.")],
    threshold: Annotated[float | None, typer.Option(help="Where the decision falls; a row at it passes.")] = None,
    adverse: Annotated[str | None, typer.Option(metavar="SIDE", help="above or below: which side is adverse.")] = None,
    space: Annotated[
        str | None, typer.Option(metavar="SPACE", help="The threshold's space, such as probability.")
    ] = None,
    top: Annotated[int | None, typer.Option(help="The most reasons per row.")] = None,
    by: Annotated[str | None, typer.Option(metavar="WHAT", help="features or groups.")] = None,
    row: Annotated[str | None, typer.Option(metavar="ID", help="One row, in plain language.")] = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="text, csv, parquet, or html: the page of one row.")
    ] = "text",
    ablation: Annotated[
        bool, typer.Option("--ablation", help="For one row: ask the model for the decision without each reason.")
    ] = False,
    trusted_root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder whose model code may run; the working folder.")
    ] = None,
    to: Annotated[str, typer.Option(metavar="PATH", help="Where to write; - for standard output.")] = "-",
) -> None:
    """Say why rows were turned down: up to four reasons each, proven to the error bounds of their attributions.

    What is not given is as in the section reasons of the spec.
    """
    if format_ not in _FORMATS:
        raise InputError(f"--format: {format_!r} is not a format" + suggest(format_, _FORMATS, noun="formats"))
    if (row is None) and format_ == "html":
        raise InputError("--format html: it is the page of one row; name it with --row")
    if row is not None and format_ not in ("text", "html"):
        raise InputError(f"--format {format_}: it holds all rows; leave --row out, or write --format html")
    if ablation and row is None:
        raise InputError("--ablation: it is made of one row; name it with --row")
    if to != "-" and format_ == "text":
        raise InputError("--to: write --format csv, parquet or html as well")
    if to != "-":
        require_file(to)
    changes = {"threshold": threshold, "adverse": adverse, "space": space, "top": top, "by": by}
    stored, spec = _opened(run, changes)
    if row is None:
        _write_all(stored, format_, to)
        return
    letter = stored.letter(row, _with_model(stored, spec, trusted_root) if ablation else None)
    if format_ == "html":
        from ig_tasks.reports.reasons.letter import render_letter

        _write(to, render_letter(letter).encode("utf-8"))
        return
    from rich.console import Console

    from ig_tasks.reports.reasons.letter import print_letter

    print_letter(letter, Console(highlight=False))


def _opened(
    location: str, changes: dict[str, float | str | int | None]
) -> tuple[StoredReasons, ExplanationSpec | None]:
    from ig_tasks.reports.reasons.stored_reasons import StoredReasons, asked_reasons
    from ig_tasks.spec import load_spec
    from ig_tasks.stages.computed_run import ComputedRun
    from ig_tasks.validation.drift.references import locate_run

    spec = load_spec(location) if location.endswith((".yaml", ".yml")) else None
    run = ComputedRun(locate_run(location if spec is None else f"{spec.store_uri()}/{spec.name}"))
    return StoredReasons(run, asked_reasons(spec or run.spec, changes), spec), spec


def _with_model(stored: StoredReasons, spec: ExplanationSpec | None, root: Path | None) -> FinishedRun:
    """The run with its model, whose code is trusted as far as the command line, or the given spec, says so."""
    from ig_tasks.explanations.finished_run import open_run

    if spec is None or spec.origin is None:
        return open_run(stored.run.folder.uri, trusted_root=root)
    return open_run(stored.run.folder.uri, trusted_root=root or spec.origin.trusted_root, trust=spec.model.trust)


def _write_all(stored: StoredReasons, format_: str, to: str) -> None:
    files = stored.files()
    if format_ != "text":
        _write(to, files.csv if format_ == "csv" else files.parquet)
        return
    from rich.console import Console

    from ig_tasks.reports.reasons.reasons_terminal import print_reasons

    print_reasons(files.info, Console(highlight=False))


def _write(to: str, content: bytes) -> None:
    if to == "-":
        sys.stdout.buffer.write(content)
        return
    write_whole(to, [content])
