import json

import pytest
from airflow.sdk.exceptions import ParamValidationError

from ig_tasks.errors import SpecError
from ig_tasks.orchestration.params import CHOICES, NAMES, RunChoices, effective_spec, params, run_choices
from ig_tasks.spec import load_spec


def test_every_setting_is_null_by_default_and_may_be(spec):
    usual = {"fail_on_violation": True, "register_new_reference": False}
    assert {name: param.resolve() for name, param in params(spec).items()} == {**dict.fromkeys(NAMES), **usual}
    assert tuple(usual) == CHOICES


@pytest.mark.parametrize("name", ["fail_on_violation", "register_new_reference"])
@pytest.mark.parametrize("bad", [None, 1, "yes"])
def test_a_choice_is_true_or_false(spec, task_context, name, bad):
    with pytest.raises(ParamValidationError):
        params(spec)[name].resolve(bad)
    if bad is not None:  # the Params of someone else's DAG may be of any type
        with pytest.raises(SpecError, match=rf"^conf: {name}: {bad!r} is neither true nor false; write one of them$"):
            run_choices(spec, task_context(**{name: bad}))


def test_a_run_fails_by_a_violation_and_registers_nothing_unless_it_is_told(spec, task_context):
    assert run_choices(spec, task_context()) == RunChoices(fail_on_violation=True, register_new_reference=False)
    chosen = run_choices(spec, task_context(fail_on_violation=False, register_new_reference=True))
    assert chosen == RunChoices(fail_on_violation=False, register_new_reference=True)


def test_an_ad_hoc_run_cannot_become_the_reference(spec, task_context):
    context = task_context(sample=5, register_new_reference=True)
    with pytest.raises(SpecError, match=r"^conf: register_new_reference: the run is ad-hoc \(data\.sample\), and only"):
        run_choices(effective_spec(spec, context), context)


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


def divided(document, tmp_path, *names):
    for name in names:
        (tmp_path / "data" / name).mkdir(parents=True)
    (tmp_path / "data" / "month=file").write_text("no folder")
    return load_spec({**document, "data": {"uri": str(tmp_path / "data"), "partition": "month"}})


def test_the_form_offers_the_partitions_that_are_there_the_latest_first(document, tmp_path):
    spec = divided(document, tmp_path, "month=2013-02", "month=2013-10", "month=a%20b", "month=Q%26A", "year=2013")
    param = params(spec)["partition"]
    assert param.schema["examples"] == ["Q&A", "2013-10", "2013-02", "all"]
    for value in (*param.schema["examples"], "2013-02..2013-10", "2014-01"):
        assert param.resolve(value) == value


def test_where_they_cannot_be_seen_at_a_glance_none_are_offered(spec, document, tmp_path):
    assert "examples" not in params(spec)["partition"].schema  # s3://
    assert "examples" not in params(divided(document, tmp_path, "year=2013"))["partition"].schema
    nowhere = load_spec({**document, "data": {"uri": "/no/such/place", "partition": "month"}})
    assert "examples" not in params(nowhere)["partition"].schema


def test_many_partitions_are_cut_to_the_latest(document, tmp_path):
    offered = params(divided(document, tmp_path, *(f"month={n:04d}" for n in range(100))))["partition"].schema[
        "examples"
    ]
    assert offered == [f"{n:04d}" for n in range(99, 39, -1)] + ["all"]


def test_data_without_partitions_have_no_param_for_one(document, task_context):
    spec = load_spec({**document, "data": "s3://data/loans"})
    assert list(params(spec)) == ["sample", "tolerance", "baseline", *CHOICES]
    assert effective_spec(spec, task_context()) == spec
    with pytest.raises(SpecError, match="conf: partition: the data have no partitions; leave it out"):
        effective_spec(spec, task_context(conf={"partition": "2013-10"}), conf_keys=tuple(params(spec)))


def test_the_form_says_what_empty_means(document):
    made = params(load_spec(document))
    assert made["baseline"].schema["values_display"] == {"null": "as in the spec (median)"}
    assert made["baseline"].schema["enum"][0] is None
    assert "Empty: all rows." in made["sample"].description
    assert "Empty: the run's partition key, else all. " in made["partition"].description
    document["data"]["sample"] = 5000
    assert "Empty: 5,000 rows, as in the spec." in params(load_spec(document))["sample"].description
    for name in ("sample", "tolerance", "baseline"):
        assert "makes an ad-hoc run" in made[name].description
    assert "ad-hoc" not in made["partition"].description


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
