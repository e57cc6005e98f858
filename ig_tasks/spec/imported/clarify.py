"""From SageMaker Clarify's analysis configuration to the draft of a spec; what has no counterpart is listed.

The names are those of the file `analysis_config.json`, which a processing job or a monitoring schedule reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ig_tasks.errors import SpecError
from ig_tasks.spec.imported.clarify_words import OF_CONFIGURATION, OF_METHODS, OF_PREDICTOR, OF_SHAP
from ig_tasks.spec.imported.draft import Draft, read_document

__all__ = ["draft_of_clarify"]

_STATISTICS = {"median": "median", "mean_sq": "mean_square"}
"""{Clarify's statistic: the column of importance.parquet}, where it is not the one that features are ranked by."""


def draft_of_clarify(text: str, *, name: str, model: str, data: str | None, data_unless_named: str) -> Draft:
    """The draft of a spec.

    Args:
        text: the analysis configuration, JSON.
        name: of the spec.
        model: URI of the model package.
        data: URI of the data; None: as the configuration says (`dataset_uri`).
        data_unless_named: URI of the data where neither says.

    Raises:
        SpecError: if it is not such a configuration.
    """
    configuration = read_document(text)
    if not isinstance(configuration, Mapping) or not {"dataset_type", "methods"} & {*configuration}:
        raise SpecError(
            "there is no analysis configuration of Clarify: neither dataset_type nor methods is there. An endpoint's "
            "explainer configuration (ClarifyExplainerConfig) is not read"
        )
    for key in ("methods", "predictor"):
        if not isinstance(configuration.get(key), (Mapping, type(None))):
            raise SpecError(f"{key}: it has keys of its own in an analysis configuration")
    reading = _Reading(configuration)
    document = reading.document(name, model, str(data or reading.top.get("dataset_uri", data_unless_named)))
    return Draft(document, tuple(reading.notes), "an analysis configuration of SageMaker Clarify")


class _Reading:
    def __init__(self, configuration: Mapping[str, Any]) -> None:
        # The Python SDK writes what was not set as null.
        self.top = _without_nulls(configuration)
        self.methods = _without_nulls(self.top.get("methods") or {})
        self.predictor = _without_nulls(self.top.get("predictor") or {})
        self.shap = self._section(self.methods, "methods", "shap")
        self.notes: list[str] = []

    def document(self, name: str, model: str, data: str) -> dict[str, Any]:
        described = self._section(self.methods, "methods", "report").get("title")
        sections: dict[str, Any] = {
            "version": 1,
            "name": name,
            "model": {"uri": model} | self._model(),
            "data": {"uri": data} | self._data(),
            "baseline": self._baseline(),
            "attribution": {"method": "integrated_gradients", "tolerance": 0.01},
        }
        self._note_the_rest()
        return sections | ({"description": described} if isinstance(described, str) else {})

    def _section(self, holder: Mapping[str, Any], where: str, key: str) -> Mapping[str, Any]:
        section = holder.get(key, {})
        if not isinstance(section, Mapping):
            raise SpecError(f"{where}.{key}: it has keys of its own in an analysis configuration")
        return _without_nulls(section)

    def _headers(self) -> list[str]:
        headers = self.top.get("headers", [])
        if not isinstance(headers, list) or not all(isinstance(header, str) for header in headers):
            raise SpecError("headers: it is a list of column names")
        return headers

    def _column(self, key: str, value: Any) -> str | None:
        """The name of a column that is given by its name or place; None, with a note, where it has none."""
        headers = self._headers()
        if isinstance(value, int) and not isinstance(value, bool):
            if 0 <= value < len(headers):
                return headers[value]
            self.notes.append(f"{key}: {value} is the place of a column without a name in headers; name it in the spec")
            return None
        if not isinstance(value, str) or (headers and value not in headers):
            self.notes.append(f"{key}: {value!r} is not a column of headers; name the column of the Parquet files")
            return None
        return value

    def _model(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        labels = self.predictor.get("label_headers", [])
        if isinstance(labels, list) and len(labels) == 1 and isinstance(labels[0], str):
            found["target"] = labels[0]
        elif labels:
            self.notes.append(
                f"predictor.label_headers: {labels}; Clarify explains each of these outputs, a spec one: write a spec "
                "for each, with its model.target"
            )
        if self.shap.get("use_logit") is True:
            found["space"] = "logit"
        elif self.shap and (labels or "probability" in self.predictor or "probability_threshold" in self.top):
            found["space"] = "probability"
        return found

    def _data(self) -> dict[str, Any]:
        kind = self.top.get("dataset_type", "application/x-parquet")
        if kind != "application/x-parquet":
            more = ", with a column of images" if kind == "application/x-image" else ""
            self.notes.append(f"dataset_type: {kind}; data is read from Parquet files{more}: write them from these")
        found: dict[str, Any] = {}
        for key, ours in (("label", "label"), ("joinsource_name_or_index", "id")):
            if key in self.top and (column := self._column(key, self.top[key])) is not None:
                found[ours] = column
        segments = []
        for place, section in enumerate(self._list("segment_config")):
            where = f"segment_config[{place}]"
            if not isinstance(section, Mapping):
                raise SpecError(f"{where}: it has keys of its own in an analysis configuration")
            if (column := self._column(f"{where}.name_or_index", section.get("name_or_index"))) is not None:
                segments.append(column)
                self.notes.append(f"{where}.segments: each value is a segment; for others add a column that holds them")
        return found | ({"segments": segments} if segments else {})

    def _list(self, key: str) -> list[Any]:
        value = self.top.get(key, [])
        if not isinstance(value, list):
            raise SpecError(f"{key}: it is a list")
        return value

    def _features(self) -> list[str]:
        """The columns that the model takes, in their order: a row of the baseline has their values."""
        apart = [self.top.get(key) for key in ("label", "predicted_label", "joinsource_name_or_index")]
        apart += self._list("excluded_columns")
        return [name for place, name in enumerate(self._headers()) if name not in apart and place not in apart]

    def _baseline(self) -> dict[str, Any] | str:
        if "shap" not in self.methods:
            self.notes.append("methods.shap: absent; this configuration asks for no attributions")
            return "auto"
        seed, where = self.shap.get("seed"), "methods.shap.baseline"
        if "baseline" not in self.shap:
            clusters = self.shap.get("num_clusters")
            chosen = {"strategy": "kmeans"} | ({"k": clusters} if clusters is not None else {})
            return chosen | ({"seed": seed} if seed is not None else {})
        if seed is not None:
            self.notes.append("methods.shap.seed: nothing is drawn at random")
        if "num_clusters" in self.shap:
            self.notes.append("methods.shap.num_clusters: with a baseline nothing is clustered")
        given = self.shap["baseline"]
        if "text_config" in self.shap or "image_config" in self.shap:
            self.notes.append(
                f"{where}: it replaces parts of a text or an image; of these auto has a baseline of its own"
            )
        elif isinstance(given, str):
            return self._of_file(where, given)
        elif isinstance(given, list) and len(given) == 1:
            return self._of_row(where, given[0])
        elif isinstance(given, list):
            self.notes.append(
                f"{where}: {len(given)} rows, over which attributions are averaged; write them as a Parquet file and "
                f"name it: baseline: {{strategy: samples, k: {len(given)}, uri: FILE}}"
            )
        else:
            self.notes.append(f"{where}: a document of its own; write its row as a table (baseline.strategy: table)")
        return "auto"

    def _of_file(self, where: str, uri: str) -> dict[str, Any] | str:
        if self.top.get("dataset_type") == "application/x-parquet":
            self.notes.append(
                f"{where}: all rows of the file count there, of samples k: set baseline.k to their number"
            )
            return {"strategy": "samples", "uri": uri}
        self.notes.append(
            f"{where}: {uri}; write its rows as a Parquet file and name it: baseline: {{strategy: samples, k: ROWS, "
            "uri: FILE}"
        )
        return "auto"

    def _of_row(self, where: str, row: Any) -> dict[str, Any] | str:
        names = self._features()
        values: Any = row
        if isinstance(row, Mapping):
            lists = [value for value in row.values() if isinstance(value, list)]
            values = lists[0] if len(row) == len(lists) == 1 else [row[name] for name in names if name in row]
            names = names if len(row) == len(lists) == 1 else [name for name in names if name in row]
        if not isinstance(values, Sequence) or isinstance(values, str) or not values or len(values) != len(names):
            self.notes.append(
                f"{where}: its values are not one for each of the {len(names)} columns that headers leaves to the "
                "model; write the row as a table (baseline.strategy: table)"
            )
            return "auto"
        known = {
            name: value
            for name, value in zip(names, values, strict=True)
            if isinstance(value, int | float | str) and not isinstance(value, bool)
        }
        if left := [name for name in names if name not in known]:
            self.notes.append(f"{where}: neither a number nor a text for {', '.join(left)}; these are as with auto")
        return {"strategy": "constant", "value": known} if known else "auto"

    def _note_the_rest(self) -> None:
        statistic = self.shap.get("agg_method")
        if statistic in _STATISTICS:
            self.notes.append(
                f"methods.shap.agg_method: {statistic}; features are ranked by abs_mean, and this statistic is the "
                f"column {_STATISTICS[statistic]} of importance.parquet"
            )
        if self.shap.get("save_local_shap_values") is False:
            self.notes.append("methods.shap.save_local_shap_values: the attributions of every row are kept")
        if "name" in self._section(self.methods, "methods", "report"):
            self.notes.append("methods.report.name: a report is report.html and report.json of the run's folder")
        done = {"version", "dataset_type", "dataset_uri", "headers", "label", "joinsource_name_or_index",
                "segment_config", "methods", "predictor"}  # fmt: skip
        self._note_keys("", self.top, done, OF_CONFIGURATION)
        self._note_keys("methods.", self.methods, {"shap", "report"}, OF_METHODS)
        done = {"baseline", "num_clusters", "seed", "use_logit", "agg_method", "save_local_shap_values"}
        self._note_keys("methods.shap.", self.shap, done, OF_SHAP)
        self._note_keys("predictor.", self.predictor, {"label_headers"}, OF_PREDICTOR)

    def _note_keys(self, where: str, section: Mapping[str, Any], done: set[str], words: Mapping[str, str]) -> None:
        unknown = "not a field of the analysis configuration"
        self.notes += [f"{where}{key}: {words.get(key, unknown)}" for key in section if key not in done]


def _without_nulls(section: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in section.items() if value is not None}
