"""The command `ig-tasks import-vertex`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ig_tasks.cli.writing import require_file, write_whole
from ig_tasks.errors import InputError, SpecError, brief

__all__ = ["import_vertex"]


def import_vertex(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An ExplanationSpec of Vertex AI, JSON or YAML.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="The name of the spec.")] = "imported",
    model: Annotated[str, typer.Option(metavar="URI", help="The model package.")] = "../models/imported",
    data: Annotated[str, typer.Option(metavar="URI", help="The data.")] = "../../.data/imported",
    to: Annotated[str, typer.Option(metavar="FILE", help="Where to write; - for standard output.")] = "-",
) -> None:
    """Make the draft of a spec; what has no counterpart is listed line by line, and is in it as comments."""
    from pydantic import ValidationError

    from ig_tasks.spec import ExplanationSpec
    from ig_tasks.spec.messages import first_error
    from ig_tasks.spec.vertex_import import draft_of_vertex

    if to != "-":
        require_file(to)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({getattr(error, 'strerror', None) or brief(error)})") from None
    try:
        draft = draft_of_vertex(text, name=name, model=model, data=data)
    except SpecError as error:
        raise SpecError(f"{file}: {error}") from None
    try:
        ExplanationSpec.model_validate(draft.document)
    except ValidationError as error:
        raise SpecError(f"{file}: {first_error(error, ExplanationSpec, missing='is missing')}") from None
    for note in draft.notes:
        typer.echo(f"not taken over: {note}", err=True)
    if to == "-":
        typer.echo(draft.to_yaml(), nl=False)
        return
    write_whole(to, [draft.to_yaml().encode("utf-8")])
    typer.echo(to)
