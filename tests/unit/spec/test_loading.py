"""Specs are read from YAML: short forms, absolute paths, and one clear line for every mistake."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from ig_tasks.errors import SpecError
from ig_tasks.spec import ExplanationSpec, json_schema, load_spec

SMALLEST = {"version": 1, "name": "flights", "model": "../models/flights", "data": "../../data", "baseline": "auto"}


@pytest.fixture
def project(tmp_path):
    specs = tmp_path / "include" / "specs"
    specs.mkdir(parents=True)
    return specs


def write(folder: Path, document, name="flights.yaml") -> Path:
    path = folder / name
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False))
    return path


def test_the_smallest_spec_loads_with_the_documented_defaults(project):
    spec = load_spec(write(project, SMALLEST))
    assert spec.attribution.tolerance == 0.01
    assert spec.attribution.max_evaluations == 4097
    assert spec.baseline.strategy == "auto"
    assert (spec.validation.completeness.mostly, spec.validation.completeness.severity) == (0.99, "critical")
    assert (spec.validation.converged.at_least, spec.validation.converged.severity) == (0.95, "warning")
    assert (spec.validation.quarantined.at_most, spec.validation.quarantined.severity) == (0.05, "critical")
    assert (spec.compute.workers, spec.compute.shard_rows, spec.compute.pool) == ("auto", 16384, "ig_compute")
    assert (spec.report.examples, spec.report.keep_inputs) == (5, True)


def test_paths_are_relative_to_the_file_and_become_absolute(project, tmp_path):
    spec = load_spec(write(project, SMALLEST))
    assert spec.model.uri == str(tmp_path / "include" / "models" / "flights")
    assert spec.data.uri == str(tmp_path / "data")
    assert spec.origin.trusted_root == str(tmp_path / "include")


@pytest.mark.parametrize("uri", ["s3://bucket/flights", "models:/flights/3", "/somewhere/flights"])
def test_a_uri_or_an_absolute_path_stays_as_it_is(project, uri):
    assert load_spec(write(project, {**SMALLEST, "model": uri})).model.uri == uri


@pytest.mark.parametrize("section", ["model", "data"])
def test_a_password_in_a_uri_is_refused_before_it_is_in_a_report(project, section):
    with pytest.raises(SpecError, match="holds a password") as caught:
        load_spec(write(project, {**SMALLEST, section: "ftp://me:secret@host/x"}))
    assert "secret" not in str(caught.value)


def test_a_resolved_spec_comes_back_unchanged_from_json(project):
    spec = load_spec(
        write(project, {**SMALLEST, "schedule": {"cron": "0 6 2 * *", "partition": "%Y-%m", "offset": -1}})
    )
    assert ExplanationSpec.from_resolved(json.loads(json.dumps(spec.to_document()))) == spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"atribution": {}}, "atribution: no such key; did you mean 'attribution'? keys: version, name"),
        ({"attribution": {"tolerence": 1}}, "attribution.tolerence: no such key; did you mean 'tolerance'?"),
        ({"features": {"x": {"lable": "X"}}}, "features.x.lable: no such key; did you mean 'label'?"),
        ({"attribution": {"tolerance": 0}}, "attribution.tolerance: input should be greater than 0, not 0"),
        ({"attribution": {"memory_limit": "64GB"}}, "attribution.memory_limit: '64GB' is not a number of bytes"),
        ({"attribution": {"memory_limit": 256}}, "attribution.memory_limit: 256 is not a number of bytes of a MiB"),
        ({"name": "Flights 1"}, "name: write lower-case letters, digits and underscores"),
        ({"version": 2}, "version: input should be 1, not 2"),
        ({"schedule": "* *"}, "schedule.cron: '* *' is not a cron expression (it has 2 fields"),
        ({"schedule": {"cron": "@daily", "assets": ["a"]}}, "schedule: give either cron or assets"),
        ({"schedule": {"cron": "@daily", "partition": "month"}}, "schedule: partition 'month' gives the same key"),
        ({"baseline": "zeros"}, "baseline.strategy: input should be 'auto', 'zero', 'mean'"),
        ({"baseline": "table"}, "baseline: strategy 'table' needs uri"),
        ({"model": {"uri": "m", "trust": "yes"}}, "model.trust: write the digest that `ig-tasks check` tells"),
        ({"origin": {"file": "x", "trusted_root": "/"}}, "origin: no such key"),
        ({"compute": {"address": "tcp://x:1", "connection": "dask"}}, "compute: give either address or connection"),
        ({"data": None}, "data: input should be a valid dictionary"),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_field(project, change, message):
    with pytest.raises(SpecError) as caught:
        load_spec(write(project, {**SMALLEST, **change}))
    assert str(caught.value).startswith(f"flights.yaml: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tolerance", [0.001, 0.0099])
def test_a_tolerance_that_bfloat16_cannot_hold_is_refused_with_both_fields_and_the_remedy(project, tolerance):
    asked = {"precision": "bfloat16", "tolerance": tolerance}
    with pytest.raises(SpecError) as caught:
        load_spec(write(project, {**SMALLEST, "attribution": asked}))
    assert str(caught.value).endswith(
        f"flights.yaml: attribution: precision 'bfloat16' is too coarse for a tolerance of {tolerance}; "
        "write tolerance: 0.01 or more, or precision: model or float64"
    )
    with pytest.raises(SpecError, match="too coarse for a tolerance"):
        load_spec(write(project, {**SMALLEST, "attribution": {"precision": "bfloat16"}})).with_overrides(
            tolerance=tolerance
        )


@pytest.mark.parametrize(
    "settings",
    [
        {"precision": "bfloat16"},
        {"precision": "bfloat16", "tolerance": 0.05},
        {"precision": "bfloat16", "tolerance": 0.001, "absolute_tolerance": 0.5},
        {"precision": "float64", "tolerance": 0.001},
    ],
)
def test_what_the_precision_can_hold_loads(project, settings):
    spec = load_spec(write(project, {**SMALLEST, "attribution": settings}))
    assert spec.attribution.precision == settings["precision"]


def test_every_field_to_mend_is_named_at_once(project):
    document = {**SMALLEST, "compute": {"workers": -1, "shard_rows": 0}, "attribution": {"tolerance": 2}}
    with pytest.raises(SpecError) as caught:
        load_spec(write(project, document))
    assert str(caught.value) == (
        "flights.yaml: attribution.tolerance: input should be less than 1, not 2 "
        "(also wrong: compute.workers, compute.shard_rows)"
    )


def test_a_misprint_among_known_words_is_told_the_nearest(project):
    with pytest.raises(SpecError, match=r", not 'Medain'; did you mean 'median'\?$"):
        load_spec(write(project, {**SMALLEST, "baseline": "Medain"}))


def test_a_spec_in_another_encoding_is_told_to_be_utf_8(project):
    path = project / "flights.yaml"
    path.write_bytes("name: Zürich".encode("latin-1"))
    with pytest.raises(SpecError, match=r"is not written in UTF-8; save it in that encoding$"):
        load_spec(path)


def test_a_part_of_a_check_keeps_the_rest_of_its_defaults(project):
    spec = load_spec(write(project, {**SMALLEST, "validation": {"converged": {"severity": "critical"}}}))
    assert (spec.validation.converged.at_least, spec.validation.converged.severity) == (0.95, "critical")


@pytest.mark.parametrize("missing", ["version", "name", "model", "data"])
def test_a_missing_key_is_named(project, missing):
    document = {key: value for key, value in SMALLEST.items() if key != missing}
    with pytest.raises(SpecError, match=f"^flights.yaml: {missing}: is missing; add it$"):
        load_spec(write(project, document))


def test_a_key_that_is_there_twice_is_refused(project):
    with pytest.raises(SpecError, match="is not valid YAML in line 3: key 'name' is there twice"):
        load_spec(write(project, "version: 1\nname: a\nname: b\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [1", "is not valid YAML in line"), ("- 1\n", "holds no mapping"), ("", "holds no mapping")],
)
def test_what_is_no_mapping_is_refused(project, text, message):
    with pytest.raises(SpecError, match=message):
        load_spec(write(project, text))


def test_an_absent_file_is_named(project):
    with pytest.raises(SpecError, match=r"nothing\.yaml: there is no such spec file"):
        load_spec(project / "nothing.yaml")


def test_settings_replace_keys_and_open_up_short_forms(project):
    path = write(project, SMALLEST)
    spec = load_spec(path, settings={"baseline.partition": "2013-01", "attribution.tolerance": 0.1, "owner": "me"})
    assert (spec.baseline.strategy, spec.baseline.partition) == ("auto", "2013-01")
    assert (spec.attribution.tolerance, spec.owner) == (0.1, "me")
    with pytest.raises(SpecError, match=r"attribution\.tolerence: no such key"):
        load_spec(path, settings={"attribution.tolerence": 1})


def test_a_run_may_change_four_settings_and_leaves_the_rest(project):
    spec = load_spec(write(project, SMALLEST))
    changed = spec.with_overrides(partition="2013-10", sample=100, tolerance=0.5, baseline="zero")
    assert (changed.partition, changed.data.sample) == ("2013-10", 100)
    assert (changed.attribution.tolerance, changed.baseline.strategy) == (0.5, "zero")
    assert spec.with_overrides() == spec
    with pytest.raises(SpecError, match=r"attribution\.tolerance"):
        spec.with_overrides(tolerance=2.0)


def test_the_store_is_the_specs_else_the_variables_else_beside_the_project(project, tmp_path, monkeypatch):
    monkeypatch.delenv("IG_TASKS_STORE", raising=False)
    path = write(project, SMALLEST)
    assert load_spec(path).store_uri() == str(tmp_path / "ig_runs")
    monkeypatch.setenv("IG_TASKS_STORE", "s3://bucket/runs")
    assert load_spec(path).store_uri() == "s3://bucket/runs"
    assert load_spec(path, settings={"store": "../../runs"}).store_uri() == str(tmp_path / "runs")


def test_the_json_schema_accepts_what_loads_and_refuses_unknown_keys():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    full = {**SMALLEST, "schedule": "@daily", "data": {"uri": "d", "segments": ["carrier"]}, "tags": ["a"]}
    assert list(validator.iter_errors(full)) == []
    assert [error.validator for error in validator.iter_errors({**SMALLEST, "modle": 1})] == ["additionalProperties"]
    assert not {"origin", "overrides"} & set(schema["properties"])
    assert schema["properties"]["baseline"]["default"]["strategy"] == "auto"
    assert list(validator.iter_errors({**SMALLEST, "schedule": None, "tags": "one"})) == []
