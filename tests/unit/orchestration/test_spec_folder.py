import json
import subprocess
import sys
import textwrap

import pytest

from ig_tasks.errors import SpecError
from ig_tasks.orchestration import ig_dags
from ig_tasks.orchestration.failures import StoppedError
from ig_tasks.orchestration.spec_folder import RESERVED

OF_ALL = ["ig_explain_on_demand", "ig_feature_validation"]
"""DAGs that are there once for all specs."""


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
        ({"name": "bad", "modle": 1}, "bad.yaml: modle: no such key; did you mean 'model'?"),
        ({"name": "bad", "schedule": "99 * * * *"}, "bad.yaml: schedule.cron: '99 * * * *' is not a cron expression"),
    ],
)
def test_a_broken_spec_is_a_dag_that_says_so_and_leaves_the_others_alone(folder, content, message):
    dags = by_id(ig_dags(folder(good={"name": "good"}, bad=content)))
    assert sorted(dags) == ["ig_bad", "ig_good"]
    broken = dags["ig_bad"]
    assert is_broken(broken)
    assert not is_broken(dags["ig_good"])
    assert broken.description.startswith(message)
    (task,) = broken.tasks
    with pytest.raises(StoppedError) as stopped:
        task.execute({})
    assert str(stopped.value).startswith(message)
    assert stopped.value.code == 2


MONTHLY = {"cron": "0 6 2 * *", "partition": "%Y-%m", "offset": -1, "start": "2013-02-01"}


def seen(dag):
    """What Airflow keeps of a DAG for its schedule and its lists."""
    timetable = dag.timetable
    cron = getattr(timetable, "expression", None) or getattr(timetable, "_expression", None)
    return dag.dag_id, type(timetable).__name__, cron, dag.owner, sorted(dag.tags - {"broken-spec"}), dag.start_date


def text_of(document, **changes):
    import yaml

    return yaml.safe_dump({**document, "schedule": MONTHLY, **changes}, sort_keys=False)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("model:", "modle:"),
        lambda text: text.replace("target: refused", "target: refused\n  colour: red"),
        lambda text: text.replace("version: 1", "version: 2"),
        lambda text: text.replace("owner: credit-risk", "owner: credit-risk\nowner: credit-risk"),
        lambda text: text.replace("model:\n", "model: {uri: [\n"),
        lambda text: text.replace("data:\n", "\tdata:\n"),
        lambda text: text + "baseline: 'median\n",
        lambda text: text.replace("schedule:", "shedule:"),
        lambda text: text.replace("owner:", "ownr:").replace("tags:", "tag:").replace("name:", "nam:"),
    ],
)
def test_a_typo_leaves_id_schedule_owner_and_tags_as_the_text_has_them(folder, document, damage):
    """Nothing is known here but the text: a machine that never saw the good version says the same."""
    text = text_of(document)
    (good,) = ig_dags(folder(other_name=text))
    clear_memory()
    (broken,) = ig_dags(folder(other_name=damage(text)))
    assert is_broken(broken)
    assert not is_broken(good)
    assert seen(broken) == seen(good)
    assert seen(good)[:3] == ("ig_loans", "CronPartitionTimetable", "0 6 2 * *")
    assert seen(good)[3:5] == ("credit-risk", ["credit", "ig-tasks"])
    assert broken.timetable.can_be_scheduled
    assert (broken.max_active_runs, broken.catchup) == (1, False)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "{" + text,
        lambda text: text.replace("0 6 2 * *", "0 6 32 * *").replace("name: loans", "name: Loans"),
        lambda text: text.replace("offset:", "ofset:"),
        lambda text: text.replace("schedule:", "schedule: ["),
        lambda text: text.encode("utf-16").decode("latin-1"),
    ],
)
def test_what_the_text_does_not_say_any_more_is_as_in_the_last_good_version(folder, document, damage):
    text = text_of(document)
    (good,) = ig_dags(folder(other_name=text))
    (broken,) = ig_dags(folder(other_name=damage(text)))
    assert is_broken(broken)
    assert seen(broken) == seen(good)


def test_arguments_of_the_folders_dags_are_those_of_a_broken_one_too(folder):
    def alarm(context):
        """Whoever is told of failed runs is told of these."""

    given = {"on_failure_callback": alarm, "default_args": {"retries": 0, "pool": "mine"}, "tags": ["all"]}
    (broken,) = ig_dags(folder(bad={"modle": 1}), **given)
    assert is_broken(broken)
    assert broken.on_failure_callback is alarm
    assert broken.tags == {"all", "broken-spec", "credit", "ig-tasks"}
    assert broken.get_task("read_spec").pool == "mine"
    assert broken.owner == "credit-risk"
    # The arguments may be what is wrong.
    (odd,) = ig_dags(folder(bad={"name": "bad"}), no_such_argument=1)
    assert "no_such_argument" in odd.description


def test_a_schedule_that_was_taken_out_is_not_brought_back(folder, document):
    (good,) = ig_dags(folder(loans=text_of(document)))
    (broken,) = ig_dags(folder(loans=text_of({**document, "modle": 1}, schedule=None, owner="someone else")))
    assert good.timetable.can_be_scheduled
    assert not broken.timetable.can_be_scheduled
    assert broken.owner == "someone else"


def test_a_cache_that_cannot_be_written_or_read_is_no_obstacle(folder, document, tmp_path_factory, monkeypatch):
    place = tmp_path_factory.mktemp("cache") / "a-file"
    place.write_text("not a folder")
    monkeypatch.setenv("IG_TASKS_CACHE", str(place))
    text = text_of(document)
    (good,) = ig_dags(folder(loans=text))
    assert not is_broken(good)
    (broken,) = ig_dags(folder(loans="["))
    assert seen(broken)[:2] == ("ig_loans", "PartitionedAtRuntime")


def clear_memory():
    import os
    import shutil

    shutil.rmtree(os.environ["IG_TASKS_CACHE"], ignore_errors=True)


def test_broken_specs_are_import_errors_of_a_file_of_their_own(
    folder, project, document, monkeypatch, tmp_path_factory
):
    """As the DAG processor sees the two files of this project: errors belong to a file, and that one has no DAG."""
    from airflow.dag_processing.dagbag import DagBag

    place = folder(good={"name": "good"}, one={"modle": 1, "name": "one"}, two="a: [")
    monkeypatch.setenv("IG_TASKS_SPECS", str(place))
    bag = DagBag(project / "dags")
    (name,) = bag.import_errors
    assert name.endswith("ig_broken_specs.py")
    lines = bag.import_errors[name].splitlines()
    assert lines[-2].endswith("one.yaml: modle: no such key; did you mean 'model'?"
                              f" keys: {lines[-2].partition('keys: ')[2]}")  # fmt: skip
    assert lines[-1].startswith("two.yaml: is not valid YAML in line 1")
    assert sorted(bag.dags) == [*OF_ALL, "ig_good", "ig_one", "ig_two"]
    own = {dag.fileloc for name, dag in bag.dags.items() if name not in OF_ALL}
    assert own == {str(project / "dags" / "ig_feature_importance.py")}
    for name in ("one", "two"):
        (place / f"{name}.yaml").unlink()
    healed = DagBag(project / "dags")
    assert (healed.import_errors, sorted(healed.dags)) == ({}, [*OF_ALL, "ig_good"])


def test_an_error_that_nobody_thought_of_is_kept_apart_too(folder, monkeypatch):
    from ig_tasks.orchestration import spec_folder as module

    build = module.ig_dag
    monkeypatch.setattr(module, "ig_dag", lambda spec, **rest: 1 / 0 if spec.name == "odd" else build(spec, **rest))
    dags = by_id(ig_dags(folder(good={"name": "good"}, odd={"name": "odd"})))
    assert dags["ig_odd"].description == "odd.yaml: no DAG can be made of it (ZeroDivisionError: division by zero)"
    assert not is_broken(dags["ig_good"])


def test_two_specs_of_one_name_the_file_called_like_it_has_it(folder):
    dags = by_id(ig_dags(folder(copy={"name": "loans"}, loans={"name": "loans"})))
    assert not is_broken(dags["ig_loans"])
    assert dags["ig_copy"].description == "copy.yaml: name: 'loans' is taken by loans.yaml; choose another"


@pytest.mark.parametrize("name", RESERVED)
def test_no_spec_takes_the_id_of_a_dag_of_all_specs(folder, name):
    (dag,) = ig_dags(folder(mine={"name": name}))
    assert dag.dag_id != f"ig_{name}"
    assert dag.description == f"mine.yaml: name: {name!r} is the DAG of all specs; choose another"


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
    assert [error.rpartition("/")[2] for error in errors] == ["ig_broken_specs.py"]
    assert dags == sorted(["ig_a", "ig_b", "ig_bad", *OF_ALL])
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
