"""What the doctor says of a model: a plain value that travels as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import yaml

from ig_tasks.errors import LayerError

__all__ = ["Candidate", "Diagnosis", "InputFinding", "ZeroFeature", "names_of", "written"]


@dataclass(frozen=True)
class Candidate:
    """A layer that embeds an input. `why` says why no path can run in its output; "" where one can."""

    layer: str
    vocabulary: int | None = None
    width: int | None = None
    why: str = ""

    def __str__(self) -> str:
        size = " x ".join("?" if each is None else str(each) for each in (self.vocabulary, self.width))
        return f"{self.layer} ({size})" + (f": {self.why}" if self.why else "")


@dataclass(frozen=True)
class InputFinding:
    """One input: `shape` is a row's, `why` says why it is not differentiable ("" where it is)."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    differentiable: bool
    why: str = ""
    layer: str | tuple[str, ...] | None = None  # named for it; the names alone, where they are given by column
    candidates: tuple[Candidate, ...] = ()
    proposed: str | tuple[str, ...] | None = None  # the layer to name, or all that embed it

    @property
    def missing(self) -> bool:
        """Whether a layer would make it differentiable but is not named."""
        return self.layer is None and self.proposed is not None


@dataclass(frozen=True)
class ZeroFeature:
    """A feature whose attribution is zero on every row that was tried, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Diagnosis:
    """The inputs of a model, the layers in whose output paths can run, and what is wrong.

    `dependent` are pairs of layers of which the second lies behind, or around, the first: naming both would count
    what goes through both twice. `problems` are entries that are wrong, one line each; `notes` are worth knowing.
    """

    framework: str
    inputs: tuple[InputFinding, ...]
    dependent: tuple[tuple[str, str], ...] = ()
    zero: tuple[ZeroFeature, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def layers(self) -> dict[str, str | list[str]]:
        """{input: layer, or all layers}: named, corrected and completed. What `explain(layers=...)` takes."""
        return {each.name: _entry(each.proposed) for each in self.inputs if each.proposed is not None}

    @property
    def changed(self) -> dict[str, str | list[str]]:
        """{input: layer, or all layers} of the entries that are missing, or wrong."""
        return {
            each.name: _entry(each.proposed)
            for each in self.inputs
            if each.proposed is not None and set(names_of(each.layer)) != set(names_of(each.proposed))
        }

    @property
    def proposal(self) -> str:
        """The `layer:` entries to write into model.yaml, as YAML; "" where there is nothing to change."""
        if not self.changed:
            return ""
        entries = {name: {"layer": layer} for name, layer in self.changed.items()}
        return str(yaml.safe_dump({"inputs": entries}, sort_keys=False, allow_unicode=True))

    @property
    def complaints(self) -> tuple[str, ...]:
        """Problems, and inputs that need a layer: one line each."""
        missing = [f"inputs.{each.name}.layer: is missing; {each.why}" for each in self.inputs if each.missing]
        return (*self.problems, *missing)

    @property
    def silent(self) -> bool:
        """Whether there is nothing to be done."""
        return not (self.complaints or self.zero or self.notes or self.changed)

    def require(self) -> None:
        """Raise LayerError, one line with the entries to write, unless every layer entry is there and right."""
        if not self.complaints:
            return
        entries = [f"inputs.{name}.layer: {written(layer)}" for name, layer in self.changed.items()]
        remedy = f"; in model.yaml: {', '.join(entries)}" if entries else ""
        raise LayerError(f"{self.complaints[0]}{remedy}")

    def to_json(self) -> dict[str, Any]:
        """The diagnosis as JSON values; `from_json` reads them."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The diagnosis that `to_json` wrote."""
        inputs = tuple(
            InputFinding(
                **{
                    **finding,
                    "shape": tuple(finding["shape"]),
                    "candidates": tuple(Candidate(**each) for each in finding["candidates"]),
                    **{key: tuple(finding[key]) for key in ("layer", "proposed") if isinstance(finding[key], list)},
                }
            )
            for finding in data["inputs"]
        )
        return cls(
            framework=data["framework"],
            inputs=inputs,
            dependent=tuple((first, second) for first, second in data["dependent"]),
            zero=tuple(ZeroFeature(**feature) for feature in data["zero"]),
            notes=tuple(data["notes"]),
            problems=tuple(data["problems"]),
        )

    def __repr__(self) -> str:
        fine = [each.name for each in self.inputs if each.differentiable]
        parts = [
            f"differentiable: {', '.join(fine) or 'none'}",
            *([f"layers: {self.layers}"] if self.layers else []),
            *([f"attribution zero: {', '.join(each.name for each in self.zero)}"] if self.zero else []),
            *self.complaints,
        ]
        return f"Diagnosis of a {self.framework} model, {len(self.inputs)} inputs; {'; '.join(parts)}"

    def __str__(self) -> str:
        lines = []
        for each in self.inputs:
            how = "differentiable" if each.differentiable else each.why
            through = f", by layer {', '.join(names_of(each.layer))}" if each.layer else ""
            lines.append(f"{each.name}: {each.dtype} {each.shape}, {how}{through}")
            lines += [f"  layer {candidate}" for candidate in each.candidates]
        lines += [f"{first} and {second} depend on each other" for first, second in self.dependent]
        lines += [f"{each.name}: attribution zero on every row; {each.why}" for each in self.zero]
        return "\n".join([*lines, *self.notes, *self.complaints, self.proposal]).rstrip()


def names_of(layer: str | Sequence[str] | None) -> tuple[str, ...]:
    """The names of one layer, or of several."""
    return () if layer is None else (layer,) if isinstance(layer, str) else tuple(layer)


def written(layer: str | Sequence[str]) -> str:
    """A `layer:` entry on one line of YAML."""
    return layer if isinstance(layer, str) else f"[{', '.join(layer)}]"


def _entry(layer: str | Sequence[str]) -> str | list[str]:
    return layer if isinstance(layer, str) else list(layer)
