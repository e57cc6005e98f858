"""What a field of text says is taken as it is written; elsewhere YAML's reading stands."""

import datetime as dt

import pytest
import yaml

from ig_tasks.errors import SpecError
from ig_tasks.models.config import ModelConfig
from ig_tasks.spec import ExplanationSpec, load_spec
from ig_tasks.spec.written import load_yaml, value_of

SMALLEST = "version: 1\nname: flights\nmodel: ../models/flights\ndata: ../../data\n"
WRITTEN = ("012", "0o12", "2013_10", "12:30", "1.10", "2013-10-01", "2013-1-1", "no", "on", "true", "0x1F", "1e3", "-7")


@pytest.mark.parametrize("text", WRITTEN)
def test_a_partition_is_the_text_that_was_written(tmp_path, text):
    path = tmp_path / "flights.YAML"
    path.write_text(f"{SMALLEST}partition: {text}\nbaseline: {{partition: {text}}}\n")
    spec = load_spec(path)
    assert (spec.partition, spec.baseline.partition) == (text, text)
    assert value_of(text, ExplanationSpec, "partition") == text
    settings = {"partition": value_of(text, ExplanationSpec, "partition")}
    assert load_spec(path, settings=settings).partition == text
    assert ExplanationSpec.from_resolved(yaml.safe_load(yaml.safe_dump(spec.to_document()))) == spec


@pytest.mark.parametrize("nothing", ["", "null", "~"])
def test_no_partition_stays_none(nothing):
    assert load_yaml(f"{SMALLEST}partition: {nothing}\n", ExplanationSpec)["partition"] is None
    assert value_of(nothing, ExplanationSpec, "partition") is None


def test_columns_and_keys_are_text_and_numbers_are_numbers():
    found = load_yaml(
        "data: {id: 012, segments: [no, 12:30], sample: 1_000}\n"
        "baseline: {value: {012: 0.5, a: 7}}\n"
        "features: {on: {label: yes}}\n"
        "tags: 1.10\n"
        "model: {uri: 1.10, target: 1}\n"
        "report: {keep_inputs: no}\n"
        "schedule: {start: 2013-02-01}\n",
        ExplanationSpec,
    )
    assert found["data"] == {"id": "012", "segments": ["no", "12:30"], "sample": 1000}
    assert found["baseline"]["value"] == {"012": 0.5, "a": 7}
    assert found["features"] == {"on": {"label": "yes"}}
    assert (found["tags"], found["model"]) == ("1.10", {"uri": "1.10", "target": 1})
    assert found["report"] == {"keep_inputs": False}
    assert found["schedule"] == {"start": dt.date(2013, 2, 1)}


def test_a_vocabulary_keeps_the_spelling_that_data_have():
    found = load_yaml(
        "arguments: {bias: no}\n"
        "inputs: {kind: {columns: 012, vocabulary: [012, NO, 1.0, true, 3, 12:30, 1_000], layer: 0}}\n"
        "card: {version: 1.10}\n",
        ModelConfig,
    )
    kind = found["inputs"]["kind"]
    assert kind["vocabulary"] == ["012", "NO", 1.0, True, 3, "12:30", "1_000"]
    assert (kind["columns"], kind["layer"]) == ("012", "0")
    assert (found["arguments"], found["card"]) == ({"bias": False}, {"version": "1.10"})


def test_anchors_and_merged_keys_are_read_as_where_they_stand():
    found = load_yaml("data: {<<: {id: 012}, sample: 5}\n", ExplanationSpec)
    assert found["data"] == {"id": "012", "sample": 5}


@pytest.mark.parametrize(
    ("line", "field"),
    [("data: {uri: x, id: ' '}", "data.id"), ("data: {uri: x, segments: ['']}", "data.segments.0")],
)
def test_a_column_without_a_visible_name_is_refused(tmp_path, line, field):
    path = tmp_path / "flights.yml"
    path.write_text(f"version: 1\nname: flights\nmodel: m\n{line}\n")
    with pytest.raises(SpecError, match=rf"^flights\.yml: {field}: '\s*' is not a column's name that can be shown"):
        load_spec(path)
