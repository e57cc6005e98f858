import json
import subprocess
import sys
import textwrap

import pytest

from ig_tasks.errors import SpecError
from ig_tasks.orchestration import ig_dags
from ig_tasks.orchestration.failures import StoppedError


@pytest.fixture
def folder(tmp_path, document):
    def write(**files):
        for name, content in files.items():
            text = content if isinstance(content, str) else json.dumps({**document, **content})
            (tmp_path / f"{name}.yaml").write_text(text)
        return tmp_path

    return write


def by_id(dags):
    return {dag.dag_id: dag for dag in dags}


def is_broken(dag):
    return "broken-spec" in dag.tags


def test_a_dag_for_every_spec(folder):
    dags = by_id(ig_dags(folder(a={"name": "a"}, b={"name": "b"})))
    assert sorted(dags) == ["ig_a", "ig_b"]
    assert not any(map(is_broken, dags.values()))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [", "bad.yaml: is not valid YAML in line 1"),
        ("- 1", "bad.yaml: holds no mapping"),
        ({"modle": 1}, "bad.yaml: modle: no such key; did you mean 'model'?"),
        ({"schedule": "99 * * * *"}, "bad.yaml: schedule.cron: '99 * * * *' is no cron expression"),
    ],
)
def test_a_broken_spec_is_a_dag_that_says_so_and_leaves_the_others_alone(folder, content, message):
    dags = by_id(ig_dags(folder(good={"name": "good"}, bad=content)))
    assert sorted(dags) == ["ig_bad", "ig_good"]
    broken = dags["ig_bad"]
    assert is_broken(broken)
    assert not is_broken(dags["ig_good"])
    assert broken.timetable.can_be_scheduled is False
    assert broken.description.startswith(message)
    (task,) = broken.tasks
    with pytest.raises(StoppedError) as stopped:
        task.execute({})
    assert str(stopped.value).startswith(message)
    assert stopped.value.code == 2


def test_an_error_that_nobody_thought_of_is_kept_apart_too(folder, monkeypatch):
    from ig_tasks.orchestration import folder as module

    build = module.ig_dag
    monkeypatch.setattr(module, "ig_dag", lambda spec, **rest: 1 / 0 if spec.name == "odd" else build(spec, **rest))
    dags = by_id(ig_dags(folder(good={"name": "good"}, odd={"name": "odd"})))
    assert dags["ig_odd"].description == "odd.yaml: no DAG can be made of it (ZeroDivisionError: division by zero)"
    assert not is_broken(dags["ig_good"])


def test_two_specs_of_one_name_the_file_called_like_it_has_it(folder):
    dags = by_id(ig_dags(folder(copy={"name": "loans"}, loans={"name": "loans"})))
    assert not is_broken(dags["ig_loans"])
    assert dags["ig_copy"].description == "copy.yaml: name: 'loans' is taken by loans.yaml; choose another"


def test_a_broken_file_does_not_take_the_id_of_a_good_one(folder):
    dags = by_id(ig_dags(folder(loans="- 1", other={"name": "loans"})))
    assert not is_broken(dags["ig_loans"])
    assert is_broken(dags["ig_loans_2"])


def test_file_names_become_ids(folder):
    assert [dag.dag_id for dag in ig_dags(folder(**{"my spec (2)": "- 1"}))] == ["ig_my_spec_2_"]


def test_other_files_are_not_specs(folder):
    place = folder(a={"name": "a"}, _draft={"name": "b"})
    (place / "notes.txt").write_text("x")
    (place / "sub.yaml.d").mkdir()
    assert [dag.dag_id for dag in ig_dags(place)] == ["ig_a"]


def test_the_variable_names_another_folder(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("IG_TASKS_SPECS", str(folder(a={"name": "a"})))
    assert [dag.dag_id for dag in ig_dags(tmp_path / "nowhere")] == ["ig_a"]


def test_a_folder_that_is_not_there_is_an_error_of_the_file(tmp_path):
    with pytest.raises(SpecError, match="there is no such folder"):
        ig_dags(tmp_path / "nowhere")


def test_importing_the_dags_is_quick_and_light(folder, project):
    """What a DAG processor does, in a process of its own: Airflow is there, nothing else is loaded."""
    script = textwrap.dedent(
        """
        import json, sys, time
        from airflow.dag_processing.dagbag import DagBag
        began = time.process_time()
        bag = DagBag(sys.argv[1])
        seconds = time.process_time() - began
        heavy = "torch tensorflow keras great_expectations distributed dask pandas pyarrow numpy altair duckdb".split()
        print(json.dumps([seconds, [m for m in heavy if m in sys.modules], sorted(bag.dags), bag.import_errors]))
        """
    )
    place = folder(a={"name": "a"}, b={"name": "b"}, bad="- 1")
    import os

    environment = {**os.environ, "IG_TASKS_SPECS": str(place), "PYTHONPATH": str(project)}
    done = subprocess.run(
        [sys.executable, "-c", script, str(project / "dags")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, heavy, dags, errors = json.loads(done.stdout.splitlines()[-1])
    assert errors == {}
    assert dags == ["ig_a", "ig_b", "ig_bad"]
    assert heavy == []
    assert seconds < 2.0


def test_three_lines_are_enough_in_any_airflow_project(folder, tmp_path, monkeypatch):
    """What `ig-tasks init` writes: the words airflow and dag must be in it, or Airflow skips the file in silence."""
    from airflow.dag_processing.dagbag import DagBag

    folder(a={"name": "a"})
    (tmp_path / "explain.py").write_text(
        "from ig_tasks.orchestration import ig_dags  # makes an Airflow DAG of each spec\n"
        "from pathlib import Path\n"
        "globals().update({dag.dag_id: dag for dag in ig_dags(Path(__file__).parent)})\n"
    )
    bag = DagBag(tmp_path)
    assert bag.import_errors == {}
    assert list(bag.dags) == ["ig_a"]
    assert bag.dags["ig_a"].fileloc == str(tmp_path / "explain.py")
