import json
from itertools import pairwise

import pytest
from airflow.sdk import DAG, Param
from airflow.serialization.serialized_objects import DagSerialization

from ig_tasks import orchestration
from ig_tasks.errors import SpecError
from ig_tasks.orchestration import ig_dag, ig_task_group
from ig_tasks.spec import ExplanationSpec, load_spec

STAGES = ["load_model", "build_baseline", "compute_attributions", "validate", "publish_report"]
TASKS = [*STAGES, "register_reference"]
PARAMS = ("partition", "sample", "tolerance", "baseline", "fail_on_violation", "register_new_reference")


def test_the_tasks_in_order(document):
    dag = ig_dag(document)
    assert dag.dag_id == "ig_loans"
    assert [task.task_id for task in dag.topological_sort()] == TASKS
    for before, after in pairwise(TASKS):
        assert dag.get_task(after).upstream_task_ids == {before}


def test_one_run_at_a_time_and_one_pool_for_what_starts_workers(document):
    document["compute"] = {"pool": "gpus"}
    dag = ig_dag(document)
    assert dag.max_active_runs == 1
    assert [dag.get_task(name).pool for name in TASKS] == ["gpus"] * 3 + ["default_pool"] * 3


def test_the_resolved_spec_travels_inside_the_dag(document, tmp_path):
    document["data"]["uri"] = "loans.parquet"
    file = tmp_path / "loans.yaml"
    file.write_text(json.dumps(document))
    dag = ig_dag(file)
    carried = dag.get_task("validate").spec.value
    assert carried["data"]["uri"] == str(tmp_path / "loans.parquet")
    assert ExplanationSpec.from_resolved(json.loads(json.dumps(carried))) == load_spec(file)


def test_a_spec_may_be_a_path_a_mapping_or_a_spec(document, tmp_path):
    (tmp_path / "s.yaml").write_text(json.dumps(document))
    for source in (tmp_path / "s.yaml", str(tmp_path / "s.yaml"), document, load_spec(document)):
        assert ig_dag(source).dag_id == "ig_loans"


def test_braces_in_a_spec_are_text(document):
    document["features"] = {"{{ 1/0 }}": {"label": "{% raise %}"}}
    task = ig_dag(document).get_task("load_model")
    task.render_template_fields({})
    assert list(task.spec["features"]) == ["{{ 1/0 }}"]
    assert task.spec["features"]["{{ 1/0 }}"]["label"] == "{% raise %}"


def test_every_parse_makes_the_same_dag(document):
    first, second = (json.dumps(DagSerialization.to_dict(ig_dag(document)), sort_keys=True) for _ in range(2))
    assert first == second
    assert " at 0x" not in first


def test_what_the_ui_shows(document):
    dag = ig_dag(document)
    assert dag.tags == {"ig-tasks", "credit"}
    assert dag.owner == "credit-risk"
    assert dag.description == "What drives a refusal"
    assert all(task.doc_md for task in dag.tasks)


def test_only_publishing_updates_the_asset(document):
    dag = ig_dag(document)
    assert [[asset.name for asset in dag.get_task(name).outlets] for name in TASKS] == [[]] * 4 + [["ig://loans"], []]


def test_arguments_of_the_dag_win(document):
    dag = ig_dag(document, dag_id="mine", tags=["x"], max_active_runs=3, params={"mood": Param("calm")})
    assert (dag.dag_id, dag.tags, dag.max_active_runs) == ("mine", {"x"}, 3)
    assert set(dag.params) == {*PARAMS, "mood"}
    assert dag.get_task("load_model").conf_keys == (*PARAMS, "mood")


def test_default_args_reach_every_task(document):
    def tell(context):
        """A callback."""

    chosen = {"pool": "mine", "queue": "q", "executor_config": {"a": 1}, "on_failure_callback": tell, "retries": 7}
    for task in ig_dag(document, default_args=chosen).tasks:
        assert (task.pool, task.queue, task.executor_config, task.retries) == ("mine", "q", {"a": 1}, 7)
        assert list(task.on_failure_callback) == [tell]
        assert task.retry_policy is not None


def test_a_group_stands_in_a_dag_of_ones_own(document):
    with DAG("mine", schedule=None, default_args={"retries": 5, "queue": "outer"}) as dag:
        ig_task_group(document)
        ig_task_group(document, group_id="again", pool="small")
    assert [task.task_id for task in dag.task_group.children["ig_loans"].topological_sort()] == [
        f"ig_loans.{name}" for name in STAGES
    ]
    task = dag.get_task("ig_loans.compute_attributions")
    assert (task.retries, task.queue, task.pool, task.conf_keys) == (5, "outer", "ig_compute", None)
    assert dag.get_task("again.validate").pool == "small"
    assert dag.get_task("ig_loans.build_baseline").upstream_task_ids == {"ig_loans.load_model"}


def test_a_spec_that_does_not_load_is_said_in_one_line(document):
    with pytest.raises(SpecError, match=r"^spec: modle: no such key; did you mean 'model'\?"):
        ig_dag({**document, "modle": 1})


@pytest.mark.parametrize("name", orchestration.__all__)
def test_every_name_of_the_room_is_there(name):
    assert getattr(orchestration, name).__name__ == name
