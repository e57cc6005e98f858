import json

import pytest
from airflow.sdk.exceptions import ParamValidationError

from ig_tasks.errors import SpecError
from ig_tasks.orchestration.params import NAMES, effective_spec, params
from ig_tasks.spec import load_spec


def test_every_param_is_null_by_default_and_may_be(spec):
    assert {name: param.resolve() for name, param in params(spec).items()} == dict.fromkeys(NAMES)


@pytest.mark.parametrize("value", ["2013-10", "2013-01..2013-09", "all", "Q3_2013"])
def test_a_partition_is_a_value_or_a_range(spec, value):
    assert params(spec)["partition"].resolve(value) == value


@pytest.mark.parametrize("value", ["../secret", "a/b", "a b", "", "a\\b", "x\n", 3])
def test_a_partition_that_could_lead_elsewhere_is_refused_by_the_form(spec, value):
    with pytest.raises(ParamValidationError):
        params(spec)["partition"].resolve(value)


@pytest.mark.parametrize(
    ("name", "bad"), [("sample", 0), ("sample", 1.5), ("tolerance", 0), ("tolerance", 1), ("baseline", "s3://x")]
)
def test_values_out_of_range_are_refused_by_the_form(spec, name, bad):
    with pytest.raises(ParamValidationError):
        params(spec)[name].resolve(bad)


def test_a_table_can_be_chosen_only_where_the_spec_has_one(spec, document):
    assert "table" not in params(spec)["baseline"].schema["enum"]
    document["baseline"] = {"strategy": "auto", "uri": "s3://data/baseline.parquet"}
    assert "table" in params(load_spec(document))["baseline"].schema["enum"]


def test_params_are_json(spec):
    json.dumps({name: param.serialize() for name, param in params(spec).items()})


@pytest.mark.parametrize(
    ("param", "key", "own", "expected"),
    [
        ("2013-12", "2013-11", "2013-10", "2013-12"),
        (None, "2013-11", "2013-10", "2013-11"),
        (None, None, "2013-10", "2013-10"),
        (None, None, None, None),
    ],
)
def test_the_partition_is_the_param_else_the_runs_key_else_the_specs(document, task_context, param, key, own, expected):
    document["partition"] = own
    found = effective_spec(load_spec(document), task_context(partition_key=key, partition=param))
    assert found.partition == expected


def test_params_change_just_what_they_name(spec, task_context):
    found = effective_spec(spec, task_context(sample=100, tolerance=0.05, baseline="zero"))
    assert (found.data.sample, found.attribution.tolerance, found.baseline.strategy) == (100, 0.05, "zero")
    assert found.model == spec.model
    assert effective_spec(spec, task_context()) == spec


@pytest.mark.parametrize("key", ["model", "trust", "store", "compute", "tolerence"])
def test_an_unknown_key_in_the_conf_is_refused(spec, task_context, key):
    with pytest.raises(SpecError, match=rf"^conf: {key}: no such key.*keys: partition, sample, tolerance, baseline"):
        effective_spec(spec, task_context(conf={"partition": "2013-10", key: "x"}), conf_keys=NAMES)


def test_the_conf_of_someone_elses_dag_is_none_of_our_business(spec, task_context):
    assert effective_spec(spec, task_context(conf={"colour": "red"}), conf_keys=None) == spec
