"""The commands `ig-tasks import-vertex` and `ig-tasks import-clarify`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ig_tasks.cli.writing import require_file, write_whole
from ig_tasks.errors import InputError, SpecError, brief

if TYPE_CHECKING:
    from ig_tasks.spec.imported.draft import Draft

__all__ = ["import_clarify", "import_vertex"]

Name = Annotated[str, typer.Option(metavar="NAME", help="The name of the spec.")]
Model = Annotated[str, typer.Option(metavar="URI", help="The model package.")]
To = Annotated[str, typer.Option(metavar="FILE", help="Where to write; - for standard output.")]

_DATA = "../../.data/imported"


def import_vertex(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An ExplanationSpec of Vertex AI, JSON or YAML.")],
    name: Name = "imported",
    model: Model = "../models/imported",
    data: Annotated[str, typer.Option(metavar="URI", help="The data.")] = _DATA,
    to: To = "-",
) -> None:
    """Make the draft of a spec; what has no counterpart is listed line by line, and is in it as comments."""
    from ig_tasks.spec.imported.vertex import draft_of_vertex

    _write_draft(file, to, lambda text: draft_of_vertex(text, name=name, model=model, data=data))


def import_clarify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An analysis configuration of Clarify, JSON.")],
    name: Name = "imported",
    model: Model = "../models/imported",
    data: Annotated[
        str | None, typer.Option(metavar="URI", help="The data; left out: as the configuration says.")
    ] = None,
    to: To = "-",
) -> None:
    """Make the draft of a spec; what has no counterpart is listed line by line, and is in it as comments."""
    from ig_tasks.spec.imported.clarify import draft_of_clarify

    _write_draft(
        file, to, lambda text: draft_of_clarify(text, name=name, model=model, data=data, data_unless_named=_DATA)
    )


def _write_draft(file: Path, to: str, make: Callable[[str], Draft]) -> None:
    """Read the file, make the draft, see that it is a spec, and write it; its notes go to standard error."""
    from pydantic import ValidationError

    from ig_tasks.spec import ExplanationSpec
    from ig_tasks.spec.messages import first_error

    if to != "-":
        require_file(to)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({getattr(error, 'strerror', None) or brief(error)})") from None
    try:
        draft = make(text)
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
