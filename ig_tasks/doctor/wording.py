"""What was observed of an input, in words: why it is not differentiable, which layers embed it, what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy.typing as npt

from ig_tasks.doctor.diagnosis import Candidate, InputFinding, names_of
from ig_tasks.doctor.observation import Cut, Observation, Route
from ig_tasks.errors import suggest

__all__ = [
    "candidates_of",
    "chosen_together",
    "cuts_of",
    "dependent_layers",
    "faults_of",
    "is_open",
    "reaches",
    "read_beside",
    "why_not",
]

_POOLS = (
    "gives one vector per row, not one per id; use an Embedding and sum over it, or give the categories as zeros and "
    "ones"
)
_MADE = (
    "takes ids that the model makes of it, and none that follow one of its own; let the package's preprocess make them"
)


def candidates_of(name: str, observation: Observation, embedding: Collection[str] = ()) -> list[Candidate]:
    """Layers that embed an input, each once: embeddings, else the first layer that makes a vector of every id.

    `embedding` are those whose ids were seen to follow the input's, one by one.
    """
    candidates: dict[str, Candidate] = {}
    for call in (call for call in observation.calls if call.kind != "layer"):
        follows = call.takes == name or call.layer in embedding
        if not follows and (call.takes is not None or name not in call.made_of):
            continue
        why = _POOLS if call.kind == "bag" or not call.per_id else "" if follows else _MADE
        if call.layer not in candidates or candidates[call.layer].why:
            candidates[call.layer] = Candidate(call.layer, call.vocabulary, call.width, why)
    if not any(each.why == "" for each in candidates.values()):
        other = next((c for c in observation.calls if c.kind == "layer" and c.takes == name and c.per_id), None)
        if other is not None:
            candidates[other.layer] = Candidate(other.layer, other.vocabulary, other.width)
    return sorted(candidates.values(), key=lambda each: each.why != "")


def dependent_layers(observation: Observation, named: Collection[str]) -> list[tuple[str, str]]:
    """Pairs of layers of which the second lies behind the first, or around it: those that may be named, or are."""
    layers = {call.layer for call in observation.calls if call.takes is not None or call.layer in named}
    pairs = {
        (first, call.layer) for call in observation.calls for first in call.behind if {first, call.layer} <= layers
    }
    pairs |= {(inner, outer) for inner in layers for outer in layers if inner.startswith(f"{outer}.")}
    return sorted(pairs)


def is_open(name: str, observation: Observation) -> bool:
    """Whether an input reaches an output by a way on which gradients are kept."""
    return not observation.clear or Route(name) in observation.routes


def reaches(name: str, observation: Observation) -> bool:
    """Whether an input reaches an output at all."""
    return not observation.clear or any(route.input == name for route in (*observation.routes, *observation.left))


def cuts_of(name: str, observation: Observation) -> list[Cut]:
    """Where an input's gradients are lost on its ways to an output."""
    routes = observation.routes | observation.left
    return sorted({route.cut for route in routes if route.input == name and route.cut is not None})


def why_not(name: str, array: npt.NDArray[Any], observation: Observation, candidates: Sequence[Candidate]) -> str:
    """Why an input is not differentiable, and what to do where no layer helps."""
    usable = [each.layer for each in candidates if not each.why]
    cuts = cuts_of(name, observation)
    if array.dtype.kind in "OUS":
        where = next((f", looked up in {cut.where}" for cut in cuts if cut.kind == "strings"), "")
        return f"strings{where}; a path cannot start there: give the ids that they stand for"
    if usable:
        return f"integer ids, embedded by {', '.join(usable)}"
    if not observation.clear:
        return "integers, in TorchScript, which cannot be looked into: load the model as a plain module"
    if array.dtype.kind == "f":
        if not reaches(name, observation):
            return "no output depends on it"
        return f"its gradients are lost at {', '.join(map(str, cuts))}"
    for kind, remedy in (
        ("one-hot", "make it a layer of its own, or give the zeros and ones"),
        ("table", "make the table an Embedding layer"),
        ("embedding", ""),
    ):
        if of_kind := [cut for cut in cuts if cut.kind == kind]:
            none = "; no layer gives one vector per id" if kind == "embedding" else f"; no layer does that: {remedy}"
            return f"integer ids, read by {of_kind[0]}{none}"
    if Route(name) in observation.routes:
        return "integers that the model uses as numbers: give floats"
    if cuts:
        lost = ", ".join(map(str, cuts))
        return f"integers, and gradients are lost at {lost}; pass a mask on in fixed= (kind: mask in model.yaml)"
    return "integers" if reaches(name, observation) else "integers that no output depends on"


def faults_of(
    finding: InputFinding, observation: Observation, known: Collection[str], embeddings: Sequence[str]
) -> list[str]:
    """What is wrong with the layer that is named for an input, one line."""
    named, proposed = names_of(finding.layer), names_of(finding.proposed)
    field = f"inputs.{finding.name}.layer"
    if not named or set(named) == set(proposed):
        return []
    for layer in named:
        if layer not in known:
            hint = suggest(layer, embeddings or known, noun="embedding layers")
            return [f"{field}: the model has no layer '{layer}'{hint}"]
    if finding.differentiable:
        return [f"{field}: the input holds numbers, not ids; remove the entry"]
    if set(named) < set(proposed):
        fault = f"{', '.join(map(repr, proposed))} embed this input, and a path in {', '.join(map(repr, named))}"
        return [f"{field}: {fault} leaves out what goes through the rest; name them all"]
    layer = next((each for each in named if each not in proposed), named[0])
    calls = [call for call in observation.calls if call.layer == layer]
    if own := next((each.why for each in finding.candidates if each.layer == layer and each.why), ""):
        return [f"{field}: '{layer}' {own}"]
    others = sorted({call.takes for call in calls if call.takes is not None})
    fault = f"it embeds {', '.join(others)}" if others else "it is not called with its values"
    return [f"{field}: '{layer}' does not embed this input: {fault}"]


def chosen_together(dependent: Sequence[tuple[str, str]], chosen: Collection[str]) -> list[str]:
    """Layers that are named and depend on each other, one line a pair."""
    return [
        f"layers: '{first}' and '{second}' depend on each other, and what goes through both would count twice; "
        "name one of them"
        for first, second in dependent
        if first in chosen and second in chosen
    ]


def read_beside(finding: InputFinding, observation: Observation) -> list[str]:
    """A note where ids that a layer embeds are also read by something else, in which no path can run."""
    if finding.proposed is None:
        return []
    cuts = [cut for cut in cuts_of(finding.name, observation) if cut.kind in ("one-hot", "table")]
    return [
        f"{finding.name}: it is read by {cut}, too, and a path in {', '.join(names_of(finding.proposed))} leaves that "
        "where the row is; make it a layer and name both"
        for cut in cuts[:1]
    ]
