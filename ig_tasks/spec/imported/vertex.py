"""From Vertex AI's ExplanationSpec to the draft of a spec; what has no counterpart is listed line by line.

The names are those of Vertex AI's REST API (camelCase); the snake_case of its Python client is read too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ig_tasks.errors import SpecError
from ig_tasks.spec.imported.draft import Draft, read_document
from ig_tasks.spec.imported.vertex_documents import explanation_spec
from ig_tasks.spec.imported.vertex_words import ENCODING_NUMBERS, ENCODINGS, OF_INPUTS, OF_METADATA

__all__ = ["draft_of_vertex"]


def draft_of_vertex(text: str, *, name: str, model: str, data: str) -> Draft:
    """The draft of a spec.

    Args:
        text: JSON or YAML: an ExplanationSpec (`parameters`, `metadata`), metadata alone (`inputs`, `outputs`), or a
            Model, request or endpoint that holds an ExplanationSpec.
        name: of the spec.
        model: URI of the model package.
        data: URI of the data.

    Raises:
        SpecError: if it is not such a document.
    """
    spec = explanation_spec(read_document(text))
    reading = _Reading(spec.get("parameters") or {}, spec.get("metadata") or {})
    document = reading.document(name, model, data)
    notes = [f"{key}: not a field of ExplanationSpec" for key in spec if key not in ("parameters", "metadata")]
    return Draft(document, (*notes, *reading.notes), "an ExplanationSpec of Vertex AI")


class _Reading:
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
            for name_there, settings in self._inputs().items()
            if settings.get("groupName")
            for feature in _features_of(name_there, settings)
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
        index = _whole(indices[0]) if isinstance(indices, list) and len(indices) == 1 else None
        if index is None:
            self.notes.append(
                f"parameters.outputIndices: {indices}; one target is explained per spec, set model.target"
            )
            return None
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
        if _is_scalar(value):
            return {feature: value}
        if isinstance(value, Mapping) and value and all(_is_scalar(item) for item in value.values()):
            return {str(name): item for name, item in value.items()}
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
        if key in ("inputBaselines", "groupName") or setting in (None, "numeric"):
            return
        if key == "encoding":
            encoding = ENCODING_NUMBERS.get(setting, str(setting).upper())
            if encoding not in ("IDENTITY", "ENCODING_UNSPECIFIED"):
                self.notes.append(f"{where}: {encoding}; {ENCODINGS.get(encoding, 'not an encoding of Vertex AI')}")
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
                yield (
                    f"{where}.{key}: {setting}; an average over noise is another method, attribution.method: "
                    "noise_averaged, whose noise is a share of the range of each row's numbers"
                )
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


def _features_of(name: str, settings: Mapping[str, Any]) -> list[str]:
    """The features of an input: those of its places, where they have names."""
    places = settings.get("indexFeatureMapping")
    return [str(place) for place in places] if isinstance(places, list) and places else [name]


def _is_scalar(value: Any) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def _whole(value: Any) -> int | None:
    """A whole number; protocol buffers write the numbers of a list as 1.0."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value == int(value) and value >= 0:
        return int(value)
    return None


def _numbers(value: Any) -> Iterator[float]:
    """The numbers of nested lists; nothing where something else is among them."""
    items = value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, list):
            yield from _numbers(item)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield item
