"""From Vertex AI's ExplanationSpec to the draft of a spec; what has no counterpart is listed line by line.

The names are those of Vertex AI's REST API (camelCase); the snake_case of its Python client is read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from ig_tasks.errors import SpecError
from ig_tasks.spec.vertex_words import ENCODINGS, OF_INPUTS, OF_METADATA

__all__ = ["VertexDraft", "draft_of_vertex"]


@dataclass(frozen=True)
class VertexDraft:
    """The draft: the spec as a document, and a line for everything that could not be taken over."""

    document: dict[str, Any]
    notes: tuple[str, ...] = field(default=())

    def to_yaml(self) -> str:
        """The spec's YAML, the notes as comments on top."""
        lines = [f"# not taken over: {note}" for note in self.notes]
        text = yaml.safe_dump(self.document, sort_keys=False, allow_unicode=True, default_flow_style=False)
        return "\n".join(["# A draft, made from an ExplanationSpec of Vertex AI.", *lines, text])


def draft_of_vertex(text: str, *, name: str, model: str, data: str) -> VertexDraft:
    """The draft of a spec.

    Args:
        text: JSON or YAML: an ExplanationSpec (`parameters`, `metadata`), or a Model or request that holds one as
            `explanationSpec`.
        name: of the spec.
        model: URI of the model package.
        data: URI of the data.

    Raises:
        SpecError: if it is not such a document.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        raise SpecError("the file is neither JSON nor YAML") from None
    spec = _camel(document)
    if isinstance(spec, Mapping) and "explanationSpec" in spec:
        spec = spec["explanationSpec"]
    if not isinstance(spec, Mapping) or not {"parameters", "metadata"} & set(spec):
        raise SpecError("there is no ExplanationSpec: neither parameters nor metadata nor explanationSpec is there")
    for key in ("parameters", "metadata"):
        if not isinstance(spec.get(key, {}), Mapping):
            raise SpecError(f"{key}: it has keys of its own in an ExplanationSpec")
    draft = _Draft(spec.get("parameters", {}), spec.get("metadata", {}))
    notes = [f"{key}: not a field of ExplanationSpec" for key in spec if key not in ("parameters", "metadata")]
    return VertexDraft(draft.document(name, model, data), (*notes, *draft.notes))


class _Draft:
    def __init__(self, parameters: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        self.parameters, self.metadata = parameters, metadata
        self.notes: list[str] = []

    def document(self, name: str, model: str, data: str) -> dict[str, Any]:
        target = self._target()
        baseline: dict[str, Any] | str = self._baseline()
        blur = self._method()
        if blur is not None:
            if baseline != "auto":
                self.notes.append("metadata.inputs.inputBaselines: a blurred baseline is each row's own; it is taken")
            baseline = blur
        features = {
            feature: {"group": str(settings["groupName"])}
            for feature, settings in self._inputs().items()
            if settings.get("groupName")
        }
        self.notes += [
            f"metadata.{key}: {OF_METADATA.get(key, 'not a field of ExplanationMetadata')}"
            for key in self.metadata
            if key not in ("inputs", "outputs")
        ]
        draft: dict[str, Any] = {
            "version": 1,
            "name": name,
            "model": {"uri": model} if target is None else {"uri": model, "target": target},
            "data": {"uri": data},
            "baseline": baseline,
            "attribution": {"method": "integrated_gradients", "tolerance": 0.01},
        }
        return draft | ({"features": features} if features else {})

    def _inputs(self) -> dict[str, Mapping[str, Any]]:
        inputs = self.metadata.get("inputs") or {}
        if not isinstance(inputs, Mapping) or not all(
            isinstance(settings or {}, Mapping) for settings in inputs.values()
        ):
            raise SpecError("metadata.inputs: it is a map from features to what is known of each")
        return {str(feature): settings or {} for feature, settings in inputs.items()}

    def _target(self) -> str | int | None:
        outputs = self.metadata.get("outputs") or {}
        names = list(outputs) if isinstance(outputs, Mapping) else []
        shown = next(iter(outputs.values())) or {} if names else {}
        for key in shown:
            if key == "outputTensorName":
                self.notes.append(f"metadata.outputs.{names[0]}.outputTensorName: name the output in model.yaml")
            elif key == "displayNameMappingKey":
                self.notes.append(f"metadata.outputs.{names[0]}.{key}: targets are named in model.yaml")
        if len(names) > 1:
            self.notes.append(f"metadata.outputs: one output is explained per spec; {', '.join(names[1:])} is left out")
        top = self.parameters.get("topK")
        if top is not None and int(top) != 1:
            self.notes.append(f"parameters.topK: {top}; one target is explained per spec, write one spec for each")
        return self._chosen_output(names, shown.get("indexDisplayNameMapping"))

    def _chosen_output(self, names: list[str], display: Any) -> str | int | None:
        indices = self.parameters.get("outputIndices")
        if indices is None:
            if display is not None:
                self.notes.append(
                    "parameters.outputIndices: absent, so Vertex AI explains each row's greatest output; set "
                    "model.target to one of the outputs"
                )
                return None
            return names[0] if names else None
        if not isinstance(indices, list) or len(indices) != 1 or not isinstance(indices[0], int):
            self.notes.append(
                f"parameters.outputIndices: {indices}; one target is explained per spec, set model.target"
            )
            return None
        index: int = indices[0]
        if isinstance(display, list) and index < len(display) and isinstance(display[index], str):
            return str(display[index])
        return index

    def _baseline(self) -> dict[str, Any] | str:
        values: dict[str, float | str] = {}
        for feature, settings in self._inputs().items():
            values |= self._values(feature, settings)
            for key in settings:
                self._note_of_input(feature, key, settings[key])
        return {"strategy": "constant", "value": values} if values else "auto"

    def _values(self, feature: str, settings: Mapping[str, Any]) -> dict[str, float | str]:
        baselines = settings.get("inputBaselines") or []
        where = f"metadata.inputs.{feature}.inputBaselines"
        if not isinstance(baselines, list):
            raise SpecError(f"{where}: it is a list of baselines")
        if not baselines:
            return {}
        if len(baselines) > 1:
            self.notes.append(
                f"{where}: {len(baselines)} baselines, whose attributions are averaged; take baseline.strategy samples "
                "or kmeans, or one of them as the constant"
            )
            return {}
        (value,) = baselines
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            return {feature: value}
        flat = [*_numbers(value)]
        names = settings.get("indexFeatureMapping")
        if flat and isinstance(names, list) and len(names) == len(flat):
            return {str(name): number for name, number in zip(names, flat, strict=True)}
        if flat and len(set(flat)) == 1:
            return {feature: flat[0]}
        self.notes.append(f"{where}: an array of different values; write it as a table (baseline.strategy: table)")
        return {}

    def _note_of_input(self, feature: str, key: str, setting: Any) -> None:
        where = f"metadata.inputs.{feature}.{key}"
        if key in ("inputBaselines", "groupName") or setting in (None, "IDENTITY", "ENCODING_UNSPECIFIED", "numeric"):
            return
        if key == "encoding":
            self.notes.append(f"{where}: {setting}; {ENCODINGS.get(str(setting), 'not an encoding of Vertex AI')}")
        elif key == "modality":
            self.notes.append(f"{where}: {setting}; describe it in model.yaml as an input of kind {setting}")
        else:
            self.notes.append(f"{where}: {OF_INPUTS.get(key, 'not a field of InputMetadata')}")

    def _method(self) -> dict[str, Any] | None:
        """Notes on the method; the baseline that it asks for, if it does."""
        blur = None
        for key, setting in self.parameters.items():
            where, settings = f"parameters.{key}", setting if isinstance(setting, Mapping) else {}
            if key in ("integratedGradientsAttribution", "xraiAttribution"):
                if key == "xraiAttribution":
                    self.notes.append(f"{where}: regions are not made; Integrated Gradients of the cells are computed")
                blur = self._blur(where, settings) or blur
                self.notes += self._of_integration(where, settings)
            elif key == "sampledShapleyAttribution":
                self.notes.append(
                    f"{where}: pathCount {settings.get('pathCount')}; Shapley values are not sampled. Integrated "
                    "Gradients answer the same question along the straight path, and need a differentiable model"
                )
            elif key == "examples":
                self.notes.append(f"{where}: explanations by examples are not made")
            elif key not in ("topK", "outputIndices"):
                self.notes.append(f"{where}: not a field of ExplanationParameters")
        return blur

    def _of_integration(self, where: str, settings: Mapping[str, Any]) -> Iterator[str]:
        for key, setting in settings.items():
            if key == "stepCount":
                yield (
                    f"{where}.stepCount: {setting}; as many steps are taken as each row needs for "
                    f"attribution.tolerance. For a fixed number write integrator: trapezoid and steps: {setting}"
                )
            elif key == "smoothGradConfig":
                yield f"{where}.{key}: gradients are not smoothed by noise; their error is estimated instead"
            elif key != "blurBaselineConfig":
                yield f"{where}.{key}: not a field of this method"

    def _blur(self, where: str, settings: Mapping[str, Any]) -> dict[str, Any] | None:
        config = settings.get("blurBaselineConfig")
        if not isinstance(config, Mapping):
            return None
        sigma = config.get("maxBlurSigma")
        if not isinstance(sigma, int | float) or sigma <= 0:
            self.notes.append(f"{where}.blurBaselineConfig: without maxBlurSigma nothing is blurred")
            return None
        return {"strategy": "blur", "sigma": float(sigma)}


def _numbers(value: Any) -> Iterator[float]:
    """The numbers of nested lists; nothing where something else is among them."""
    items = value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, list):
            yield from _numbers(item)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield item


def _camel(value: Any, *, names: bool = False) -> Any:
    """Keys in camelCase; the names of features and outputs stay as they are."""
    if isinstance(value, Mapping):
        renamed = {}
        for key, item in value.items():
            written = str(key) if names else re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), str(key))
            renamed[written] = _camel(item, names=written in ("inputs", "outputs") and not names)
        return renamed
    return [_camel(item) for item in value] if isinstance(value, list) else value
