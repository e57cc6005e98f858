import json

import pytest
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from ig_tasks.errors import SpecError
from ig_tasks.orchestration import ig_on_demand_dag
from ig_tasks.orchestration.on_demand import on_demand_spec
from ig_tasks.spec import load_spec

TASKS = ["load_model", "build_baseline", "compute_attributions", "validate", "publish_report"]


@pytest.fixture
def dag(tmp_path, document):
    for name, pool in (("loans", "gpus"), ("other", "gpus")):
        (tmp_path / f"{name}.yaml").write_text(json.dumps({**document, "name": name, "compute": {"pool": pool}}))
    return ig_on_demand_dag(tmp_path)


@pytest.fixture
def specs(document):
    return {name: load_spec({**document, "name": name}).to_document() for name in ("loans", "other")}


def test_the_five_tasks_for_any_spec_without_a_schedule_and_without_an_asset(dag):
    assert [task.task_id for task in dag.topological_sort()] == TASKS
    assert not dag.timetable.can_be_scheduled
    assert [task.outlets for task in dag.tasks] == [[]] * 5
    assert [dag.get_task(name).pool for name in TASKS] == ["gpus"] * 3 + ["default_pool"] * 2
    assert dag.get_task("publish_report").operator_extra_links[0].name == "Report"
    json.dumps(DagSerialization.to_dict(dag))


def test_the_form_offers_the_specs_of_the_folder(dag):
    form = {name: dag.params.get_param(name) for name in dag.params}
    assert list(form) == ["spec", "partition", "rows", "sample", "target", "tolerance", "baseline"]
    assert form["spec"].schema["enum"] == ["loans", "other"]
    assert {name: param.resolve() for name, param in form.items() if name != "spec"} == dict.fromkeys(list(form)[1:])
    assert form["rows"].resolve(["a", "7"]) == ["a", "7"]
    assert "quantile" not in form["baseline"].schema["enum"]  # a form has no field for its option
    assert all(param.description for param in form.values())


@pytest.mark.parametrize(
    ("name", "bad"),
    [("spec", "mine"), ("rows", "a"), ("rows", ["x"] * 1001), ("sample", 0), ("tolerance", 1), ("baseline", "s3://x"),
     ("target", ""), ("partition", "../x")],
)  # fmt: skip
def test_values_out_of_range_are_refused_by_the_form(dag, name, bad):
    with pytest.raises(ParamValidationError):
        dag.params.get_param(name).resolve(bad)


def test_a_folder_without_a_spec_that_loads_has_no_such_dag(tmp_path):
    assert ig_on_demand_dag(tmp_path) is None


def test_rows_and_settings_make_an_ad_hoc_run_of_the_spec_that_was_chosen(specs, task_context):
    context = task_context(spec="other", rows=["a1\r", " b2 ", ""], target="paid", tolerance=0.1, partition="2013-10")
    made = on_demand_spec(specs, context, conf_keys=())
    assert (made.name, made.partition, made.data.rows, made.model.target) == (
        "other",
        "2013-10",
        ("a1", " b2 "),
        "paid",
    )
    assert not made.official
    assert {one.field for one in made.overrides} == {"data.rows", "model.target", "attribution.tolerance"}


def test_rows_take_the_place_of_the_specs_own_sample_and_a_sample_that_of_its_rows(document, task_context):
    document["data"]["sample"] = 50
    specs = {"loans": load_spec(document).to_document()}
    made = on_demand_spec(specs, task_context(spec="loans", rows=["a"]), conf_keys=())
    assert (made.data.rows, made.data.sample) == (("a",), None)
    document["data"] = {"uri": "s3://data/loans", "rows": ["a"]}
    specs = {"loans": load_spec(document).to_document()}
    made = on_demand_spec(specs, task_context(spec="loans", sample=3), conf_keys=())
    assert (made.data.rows, made.data.sample) == ((), 3)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"spec": "loan", "sample": 3}, r"^conf: spec: 'loan' is not a spec here; did you mean 'loans'\?"),
        ({"spec": "loans"}, r"^conf: rows: give row ids, a line for each, or a sample; one of both$"),
        ({"spec": "loans", "rows": [" "]}, r"^conf: rows: give row ids"),
        ({"spec": "loans", "rows": ["a"], "sample": 3}, r"^conf: rows: give row ids"),
        ({"spec": "loans", "rows": ["a"], "baseline": "quantile"}, r"baseline: .*needs q"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(specs, task_context, params, message):
    with pytest.raises(SpecError, match=message) as refused:
        on_demand_spec(specs, task_context(**params), conf_keys=())
    assert "\n" not in str(refused.value)


def test_the_specs_own_settings_are_no_ad_hoc_run(document, task_context):
    document["data"]["sample"] = 50
    specs = {"loans": load_spec(document).to_document()}
    with pytest.raises(SpecError, match=r"these are the spec's own settings; trigger ig_loans for its official report"):
        on_demand_spec(specs, task_context(spec="loans", sample=50), conf_keys=())


def test_an_unknown_key_of_the_conf_is_refused(specs, task_context):
    with pytest.raises(SpecError, match=r"^conf: model: no such key"):
        on_demand_spec(specs, task_context(conf={"model": "s3://x"}, spec="loans", sample=3), conf_keys=("spec",))


def test_a_task_runs_its_stage_for_the_spec_of_the_form(dag, task_context, stages):
    task = dag.get_task("load_model")
    task.render_template_fields({})
    execute = type(task).execute
    getattr(execute, "__wrapped__", execute)(task, task_context(spec="other", sample=7))
    ((name, spec, _),) = stages
    assert (name, spec.name, spec.data.sample) == ("load_model", "other", 7)
