"""README.md and docs/: every command and snippet in them does what they say, on a project as small as its reader's.

A document has a project folder of its own, and its blocks run there in their order: the quickstart's first command by
a shell, as the reader runs it, and all the others in this process, in a fifth of the time; the quickstart's with a
worker. A block that cannot be run in a test says why in a comment before it; what it names (commands, options, make
targets) is there all the same.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from support import docs, tiny
from support.dask_cluster import ForeignCluster
from support.programs import run_block

from ig_tasks.cluster.session import ADDRESS_VARIABLE
from ig_tasks.models.config import ModelConfig
from ig_tasks.spec import ExplanationSpec, json_schema, load_spec
from ig_tasks.store.report import SCHEMA_FILE
from ig_tasks.store.runs import locate_report

pytestmark = pytest.mark.slow

DOCUMENTS = {path.relative_to(docs.ROOT).as_posix(): path for path in docs.documents()}
OWN = {name: path for name, path in DOCUMENTS.items() if name != "docs/operations.md"}
"""Operations are tested by the tests of the compose file."""
BLOCKS = [block for path in OWN.values() for block in docs.blocks(path)]
RUN = sorted({block.document for block in BLOCKS if block.language in {"sh", "python"} and not block.skipped})

_COMMAND = re.compile(r"(make|ig-tasks|airflow|python|\.venv/bin/\S+) [a-z]")

MODEL = {"uri": "../models/my_model"}
SMALLEST: dict[str, Any] = {"version": 1, "name": "my_model", "model": MODEL, "data": {"uri": "../../data"}}


def scratch_project(root: Path) -> None:
    """What a reader of the how-to has: a project as `ig-tasks init` leaves it, with the tiny model and its data."""
    tiny.write_package(root / "include" / "models" / "my_model")
    tiny.write_data(root / "data", {"2013-01": tiny.table(200, 1), "2013-02": tiny.table(50, 2)})
    spec = {**SMALLEST, "data": {"uri": "../../data", "partition": "month", "id": "id"}}
    spec["compute"] = {"shard_rows": 100, "workers": 0}
    path = root / "include" / "specs" / "my_model.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(spec))


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One worker for all commands of the quickstart: starting one for each would take most of their time."""
    with ForeignCluster(tmp_path_factory.mktemp("dask")) as cluster:
        cluster.start_scheduler()
        cluster.start_worker()
        yield cluster.address


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader's shell: an environment in which the package is installed, and nothing of ours is set."""
    for name in [name for name in os.environ if name.startswith(("IG_TASKS_", "AIRFLOW"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return project


@pytest.mark.parametrize("document", RUN)
def test_the_blocks_of_a_document_run_in_their_order(
    document: str, reader: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    from_nothing = document == "docs/quickstart.md"
    if from_nothing:
        monkeypatch.setenv(ADDRESS_VARIABLE, request.getfixturevalue("scheduler"))
    else:
        scratch_project(reader)
    # The pages for those who come from elsewhere are read from the top: what one block defines the next one has.
    names: dict[str, Any] | None = {} if document.startswith("docs/migrate/") else None
    said = ""
    for block in (item for item in BLOCKS if item.document == document):
        if block.as_file is not None:
            (reader / block.as_file).write_text(block.text)
        elif block.file is not None and from_nothing:
            (reader / block.file).write_text(block.text)
        elif block.language == "sh" and not block.skipped:
            done = run_block(block, apart=from_nothing and block.text == "ig-tasks init .\n")
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
            said += done.stderr
        elif block.language == "text" and document.startswith("docs/migrate/"):
            assert [line for line in block.text.splitlines() if line not in said.splitlines()] == []
        elif block.language == "python" and not block.skipped and block.file is None and block.directive != "keras":
            run_python(block, names)
    if from_nothing:
        report, _ = locate_report("ig_runs/my_model")
        assert (report.published, report.data.rows_explained) == (True, 2000)


def run_python(block: docs.Block, names: dict[str, Any] | None = None) -> None:
    names = {} if names is None else names
    names["__name__"] = "__main__"
    if block.directive == "needs model":
        from torch import nn

        names["model"] = nn.Linear(3, 1)
    with warnings.catch_warnings():
        # Peers that a page compares with warn of their own calls.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"shap\..*")
        warnings.filterwarnings("ignore", category=PendingDeprecationWarning, module=r"shap\..*")
        exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 - what is tested


def test_the_keras_model_of_the_how_to_fits_its_model_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ig_tasks import load_model

    monkeypatch.chdir(tmp_path)
    place = next(number for number, block in enumerate(BLOCKS) if block.directive == "keras")
    (tmp_path / "model.yaml").write_text(BLOCKS[place - 1].text)
    run_python(BLOCKS[place])
    inputs = {"numeric": np.zeros((2, 2), np.float32), "carrier": np.array([0, 2])}
    assert load_model(tmp_path).predict(inputs).shape == (2, 1)


def test_dag_files_of_the_documents_hold_the_dags_they_name(tmp_path: Path) -> None:
    scratch_project(tmp_path)
    files = [block for block in BLOCKS if (block.file or "").startswith("dags/")]
    (tmp_path / "dags").mkdir()
    for block in files:
        (tmp_path / str(block.file)).write_text(block.text)
    program = """
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1], safe_mode=True)
print(json.dumps([bag.import_errors, {name: sorted(dag.task_ids) for name, dag in bag.dags.items()}]))
"""
    done = airflow_python(tmp_path, program, str(tmp_path / "dags"))
    errors, dags = json.loads(done.splitlines()[-1])
    assert errors == {}
    assert set(dags) == {Path(str(block.file)).stem for block in files}
    assert set(dags) >= {"nightly", "after_reports", "ig_feature_validation", "ig_explain_on_demand", "by_the_fifth"}
    assert "ig_my_model.publish_report" in dags["nightly"]


def airflow_python(home: Path, program: str, *arguments: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *arguments],
        env={**kept, "AIRFLOW_HOME": str(home / "airflow"), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("block", [item for item in BLOCKS if item.language == "yaml"], ids=str)
def test_yaml_is_a_spec_or_a_model_yaml_or_a_part_of_one(block: docs.Block) -> None:
    document = yaml.safe_load(block.text)
    if Path(block.file or "").name == "model.yaml":
        whole = {"framework": "torch", "factory": "model:build", "weights": "w.safetensors", "targets": {"late": {}}}
        if document.get("framework") == "tensorflow":
            whole.pop("factory")
        for described in document["inputs"].values():
            if isinstance(described.get("vocabulary"), str):
                described["vocabulary"] = ["AA", "UA"]
        ModelConfig.model_validate({**whole, **document})
    else:
        assert isinstance(load_spec({**SMALLEST, **document}), ExplanationSpec)


def test_inputs_written_in_a_sentence_are_inputs() -> None:
    (found,) = [text for text in docs.inline_code(OWN["docs/how-to.md"]) if text.startswith("{columns:")]
    ModelConfig.model_validate(
        {
            "framework": "tensorflow",
            "weights": "model.keras",
            "targets": {"late": {}},
            "inputs": {"store": yaml.safe_load(found)},
        }
    )


def all_commands() -> list[tuple[str, list[str]]]:
    """(where, words) of every command, in blocks and in sentences."""
    found = [(str(block), words) for block in BLOCKS if block.language == "sh" for words in block.commands()]
    for name, path in OWN.items():
        codes = [code for code in docs.inline_code(path) if _COMMAND.match(code) and "<" not in code]
        found += [(name, [word for word in code.split() if word != "[OPTIONS]"]) for code in codes]
    return found


def test_every_command_is_one_that_there_is(tmp_path: Path) -> None:
    airflow: list[list[str]] = []
    for where, words in all_commands():
        program, arguments = words[0].removeprefix(".venv/bin/"), words[1:]
        if program == "make":
            targets = {each for each in arguments if "=" not in each}
            variables = {each.partition("=")[0] for each in arguments if "=" in each}
            assert targets <= docs.make_targets(), f"{where}: {words}"
            assert variables <= docs.make_variables(), f"{where}: {words}"
        elif program == "ig-tasks":
            check_own_command(where, arguments)
        elif program == "airflow":
            airflow.append(arguments)
        elif program == "python":
            check_python(where, arguments)
        elif program == "pip":
            check_pip(where, arguments)
        elif program == "dask":
            check_dask(where, arguments)
        else:
            raise AssertionError(f"{where}: {words}: teach this test what {program} is")
    program = (
        "import json, sys; from airflow.cli.cli_parser import get_parser;"
        "[get_parser().parse_args(words) for words in json.loads(sys.argv[1])]"
    )
    airflow_python(tmp_path, program, json.dumps(airflow))


def check_own_command(where: str, arguments: list[str]) -> None:
    import typer

    from ig_tasks.cli import app

    group: Any = typer.main.get_command(app)
    assert arguments[0] in group.commands, f"{where}: ig-tasks {arguments[0]}"
    command = group.commands[arguments[0]]
    if len(arguments) > 1:
        command.make_context(command.name, list(arguments[1:]))


def check_python(where: str, arguments: list[str]) -> None:
    from importlib.util import find_spec

    if arguments[0] == "-m":
        assert find_spec(arguments[1]) is not None, f"{where}: {arguments}"
    else:
        assert (docs.ROOT / arguments[0]).is_file(), f"{where}: {arguments}"


def check_pip(where: str, arguments: list[str]) -> None:
    import tomllib

    project = tomllib.loads((docs.ROOT / "pyproject.toml").read_text())["project"]
    name, _, extra = arguments[-1].rstrip("]").partition("[")
    assert (arguments[0], name) == ("install", project["name"]), where
    assert extra in project["optional-dependencies"], where


def check_dask(where: str, arguments: list[str]) -> None:
    from distributed.cli.dask_worker import main

    assert arguments[0] == "worker", where
    main.make_context("worker", arguments[1:])


def schema_keys(schema: dict[str, Any]) -> set[str]:
    """Dotted keys of a JSON Schema, without the marks of lists."""
    sys.path.insert(0, str(docs.ROOT / "docs"))
    try:
        from make_reference import keys
    finally:
        sys.path.pop(0)
    return {key.replace("[]", "") for key, _, _ in keys(schema, schema)}


def test_keys_in_sentences_are_keys() -> None:
    known = schema_keys(json_schema()) | schema_keys(json.loads(SCHEMA_FILE.read_text()))
    sections = {key.split(".")[0] for key in known if "." in key}
    for name, path in OWN.items():
        for code in docs.inline_code(path):
            key = re.sub(r"\[\]|: .*|=.*", "", code)
            if re.fullmatch(r"[a-z]+(\.[a-z_]+)+", key) and key.split(".")[0] in sections and not is_file(key):
                assert key in known, f"{name}: {code}"


def is_file(name: str) -> bool:
    return name.rsplit(".", 1)[-1] in {"json", "html", "pdf", "parquet", "yaml", "py", "md", "csv"}


def test_messages_are_those_of_the_code() -> None:
    said = docs.said_by_the_code()
    quoted = [block for block in docs.blocks(OWN["docs/troubleshooting.md"]) if block.language == "text"]
    assert len(quoted) > 30
    missing = {line: docs.not_said(line, said) for block in quoted for line in block.text.splitlines()}
    assert {line: parts for line, parts in missing.items() if parts} == {}


def test_a_message_that_the_code_never_says_is_found() -> None:
    assert docs.not_said("no Dask worker came up … quickly", docs.said_by_the_code()) == ["quickly"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    path = DOCUMENTS[name]
    for target in docs.links(path):
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), f"{name}: {target}"
        if anchor:
            assert anchor in docs.anchors(linked), f"{name}: {target}"


@pytest.mark.parametrize("name", OWN)
def test_lines_are_short_and_say_nothing_of_one_machine(name: str) -> None:
    text = OWN[name].read_text(encoding="utf-8")
    text_alone = docs.prose(OWN[name])
    assert [line for line in text_alone.splitlines() if len(line) > 120 and not line.startswith("|")] == []
    assert not re.search(r"/work/|/root/|/tmp/", text)


def test_the_reference_is_as_the_code_is() -> None:
    done = subprocess.run(
        [sys.executable, str(docs.ROOT / "docs" / "make_reference.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_columns_in_the_reference_are_those_of_a_run(reader: Path) -> None:
    from ig_tasks import pipeline

    scratch_project(reader)
    spec = load_spec(
        "include/specs/my_model.yaml",
        settings={"data.segments": "origin", "data.prediction": "a", "validation.parity.severity": "warning"},
    )
    ref = pipeline.run(spec, log=lambda _: None)
    run = Path(ref["run_uri"])
    text = OWN["docs/reference.md"].read_text(encoding="utf-8")
    described = text.partition("**attributions/shard-*.parquet**")[2].partition("**importance.parquet**")[0]
    columns = dict(re.findall(r"^\| (`.+?) \| (.+?) \|", described, flags=re.MULTILINE))
    types = {name: kind for cell, kind in columns.items() for name in re.findall(r"`([^`]+)`", cell)}
    schema = pq.read_schema(run / "attributions" / "shard-000000.parquet")
    written = {re.sub(r":.*", "", column.name) for column in schema}
    # This model takes no texts, and this spec names no outcome; other tests see to them.
    of_others = {"tokens", "token_attributions", "attribution_size"}
    of_others |= {"label", "predicted", "label_probability", "predicted_class"}
    assert written | of_others == {re.sub(r":.*", "", name) for name in types}
    for column in schema:
        kind = next(kind for name, kind in types.items() if re.sub(r":.*", "", name) == re.sub(r":.*", "", column.name))
        assert str(column.type) in kind.split(" or "), column.name
    importance = text.partition("**importance.parquet**")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z_]+)`", importance))
    assert set(pq.read_schema(run / "importance.parquet").names) == named

    folder = text.partition("## The run folder\n```text\n")[2].partition("```")[0]
    there = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    single = {name for name in there if "shard-" not in name and not name.startswith("manifest/")}
    assert {name for name in single if name not in folder} == set()
    folders = {name.split("/")[0] for name in there if "/" in name}
    assert folders == {"attributions", "statistics", "manifest"}  # no row is quarantined


def test_variables_of_the_environment_are_those_the_code_reads() -> None:
    text = OWN["docs/reference.md"].read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `((?:IG_TASKS|AIRFLOW)_\w+)` \|", text, flags=re.MULTILINE))
    read = {name for said in docs.said_by_the_code() for name in re.findall(r"^IG_TASKS_[A-Z_]+[A-Z]$", said)}
    own = {"IG_TASKS_THREADS", "IG_TASKS_WORKER_MEMORY"}  # from a run to the workers that it starts
    assert described - {"AIRFLOW_HOME"} == read - own
