"""What an importer returns: the draft of a spec, and a line for everything that could not be taken over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from ig_tasks.errors import SpecError

__all__ = ["Draft", "read_document"]


@dataclass(frozen=True)
class Draft:
    """The spec as a document, and the notes on what is not in it."""

    document: dict[str, Any]
    notes: tuple[str, ...]
    source: str
    """What it was made of, in words."""

    def to_yaml(self) -> str:
        """The spec's YAML, the notes as comments on top."""
        lines = [f"# not taken over: {note}" for note in self.notes]
        text = yaml.safe_dump(self.document, sort_keys=False, allow_unicode=True, default_flow_style=False)
        return "\n".join([f"# A draft, made from {self.source}.", *lines, text])


def read_document(text: str) -> Any:
    """The values of a JSON or YAML text.

    Raises:
        SpecError: if it is neither.
    """
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        raise SpecError("the file is neither JSON nor YAML") from None
