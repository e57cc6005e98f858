"""The command line: exit codes, one line for a mistake, the report's path last on standard output."""

import subprocess
import sys

import pytest
import yaml
from support.tiny import write_package, write_project

import ig_tasks
from ig_tasks import cli
from ig_tasks.errors import RunError, ValidationFailedError


def run(capsys, *arguments):
    code = cli._run([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def edit(path, **changes):
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}, sort_keys=False))
    return path


@pytest.fixture
def spec(tmp_path):
    return write_project(tmp_path, rows=20)


@pytest.fixture
def no_cluster(monkeypatch):
    """Starting workers fails the test: mistakes are found before."""
    from ig_tasks.cluster import session

    def refuse(*_):
        raise AssertionError("workers were started")

    monkeypatch.setattr(session.ComputeSession, "_start", refuse)


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modle": "x"}, "tiny.yaml: modle: no such key; did you mean 'model'?"),
        ({"model": "../models/nothing"}, "model package"),
        (
            {"model": {"uri": "../models/tiny", "target": "lat"}},
            "model.target: target 'lat' is not an output of the mod",
        ),
        (
            {"model": {"uri": "../models/tiny", "space": "odds"}},
            "model.space: target 'late' has no space 'odds'; spaces: logit",
        ),
        ({"attribution": {"steps": 5}}, "attribution.steps: 'auto' chooses them by row"),
        ({"attribution": {"integrator": "exact", "steps": 5}}, "attribution.steps: 'exact' chooses them by row"),
        ({"data": {"uri": "../../data", "prediction": "kind"}}, "data.prediction: column 'kind' holds text"),
        ({"data": "../../nothing"}, "there are no Parquet files"),
        ({"store": "memory://runs"}, "store: memory://runs lies in the memory of one process"),
        ({"store": "nosuch://runs"}, "store 'nosuch://runs/tiny': cannot be opened"),
        ({"store": "tiny.yaml"}, "/tiny.yaml is not a folder; give a folder of your own"),
        ({"data": {"uri": "../../data", "segments": ["orign"]}}, "data.segments: 'orign' is not a column of"),
        (
            {"data": {"uri": "../../data", "partition": "month", "id": "kind"}},
            "rows of partition all have the kind 'red'; name a column of unique ids",
        ),
        ({"data": {"uri": "../../data", "prediction": "x"}}, "data.prediction: 'x' is not a column"),
        ({"partition": "2014-01"}, "partition '2014-01' is not in the data; partitions: 2013-01, 2013-02"),
        ({"baseline": {"partition": "2014-01"}}, "baseline: partition '2014-01' is not in the data"),
        ({"baseline": {"strategy": "table", "uri": "../../data"}}, "a baseline of strategy 'table' is one row"),
        ({"features": {"c": {"label": "C"}}}, "features.c: is not a feature of the model; features: a, b, kind"),
    ],
)
def test_bad_input_is_one_line_and_code_2_before_any_worker_starts(capsys, spec, no_cluster, command, change, message):
    code, out, err = run(capsys, command, edit(spec, **change))
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("ig-tasks: ")
    assert message in line


def test_a_column_that_the_model_reads_must_be_there(capsys, spec, no_cluster):
    config = spec.parent.parent / "models" / "tiny"
    write_package(config, inputs={"numeric": {"columns": ["a", "bb"]}})
    code, _, err = run(capsys, "run", spec)
    assert code == 2
    assert "model input 'numeric': 'bb' is not a column of" in err
    assert "did you mean 'b'?" in err


def test_code_from_outside_the_project_needs_trust(capsys, spec, no_cluster, tmp_path_factory):
    package = write_package(tmp_path_factory.mktemp("elsewhere") / "tiny")
    code, _, err = run(capsys, "run", edit(spec, model=str(package)))
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "add `trust: sha256:" in err


COMMANDS = "run, check, show, diff, launch, trend, export, import-vertex, import-clarify, reasons, serve, index, init"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Missing argument 'SPEC'"),
        (["rum"], "No such command 'rum'. Did you mean 'run'?\n"),
        (["list"], f"No such command 'list'. Commands: {COMMANDS}.\n"),
        (["run", "nothing.yaml"], "there is no such spec file"),
        (["run", "."], "is a folder; give the path of a YAML spec"),
        (["run", "SPEC", "--set", "tolerance"], "--set 'tolerance': write key=value"),
        (["run", "SPEC", "--set", "attribution.tolerance=2"], "attribution.tolerance: input should be less than 1"),
        (["run", "SPEC", "--set", "tolerance=0.1"], "tolerance: no such key; did you mean 'attribution.tolerance' or"),
        (["run", "SPEC", "--set", "at_least=0.1"], "no such key; did you mean 'validation.converged.at_least'"),
        (
            ["run", "SPEC", "--set", "data.strategy=zero"],
            "data.strategy: no such key; did you mean 'baseline.strategy'",
        ),
        (["run", "SPEC", "--set", "Partition=all"], "Partition: no such key; did you mean 'partition'? keys"),
        (["show", "nothing"], "there is no report here"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(capsys, spec, no_cluster, arguments, message):
    code, out, err = run(capsys, *[str(spec) if item == "SPEC" else item for item in arguments])
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err


def test_without_a_command_the_commands_are_shown_as_they_are_meant_to_be(capsys):
    code, out, err = run(capsys)
    assert (code, err) == (2, "")
    assert out == run(capsys, "--help")[1]
    assert len(out.splitlines()) > 8


@pytest.mark.parametrize("command", ["run", "check", "show", "init"])
def test_help_of_a_command_names_its_arguments_as_people_write_them_and_gives_an_example(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    usage, arguments = out.splitlines()[0], out.partition("Arguments:\n")[2].splitlines()[0]
    assert usage.split()[:4] == ["Usage:", "ig-tasks", command, "[OPTIONS]"]
    assert arguments.split()[0] == usage.split()[4]
    assert not set("{}<>") & set(out)
    assert f"\n  ig-tasks {command} " in out.partition("Example")[2]
    assert ("\n  1  done, but a critical check failed" in out) == (command in ("run", "check"))


def test_the_version_is_that_of_the_package(capsys):
    assert run(capsys, "--version") == (0, f"ig-tasks {ig_tasks.__version__}\n", "")


def test_what_the_commands_do_is_said_whole(capsys):
    assert "..." not in run(capsys, "--help")[1].partition("Commands:")[2]


@pytest.mark.parametrize(
    ("error", "code", "out"),
    [
        (ValidationFailedError("critical check failed: completeness", "/runs/report.json"), 1, "/runs/report.json\n"),
        (RunError("the disk is full"), 3, ""),
        (RunError("a column 'x\x1b[31m\ny'"), 3, ""),
        (ZeroDivisionError("unforeseen"), 3, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_exit_codes_of_what_a_run_ends_with(capsys, spec, monkeypatch, error, code, out):
    from ig_tasks import pipeline

    def stop(*_, **__):
        raise error

    monkeypatch.setattr(pipeline, "run", stop)
    found, shown, err = run(capsys, "run", spec)
    assert (found, shown) == (code, out)
    assert "\x1b" not in err
    assert ("Traceback" in err) == isinstance(error, ZeroDivisionError)


def test_init_writes_a_project_once_and_keeps_what_is_there(capsys, tmp_path):
    code, out, _ = run(capsys, "init", tmp_path)
    assert code == 0
    names = ("dags", "broken_specs", "feature_validation", "explain_on_demand")
    for name in [f"ig_tasks_{name}.py" for name in names]:
        dags = (tmp_path / "dags" / name).read_text()
        assert len(dags.splitlines()) == 3
        assert "airflow" in dags.lower()
        assert "dag" in dags.lower()
    (tmp_path / "dags" / "ig_tasks_dags.py").write_text("mine")
    _, out, _ = run(capsys, "init", tmp_path)
    assert [line.split()[0] for line in out.splitlines()] == [*["kept"] * 6, "Next:"]
    assert (tmp_path / "dags" / "ig_tasks_dags.py").read_text() == "mine"


def test_the_spec_that_init_writes_lacks_nothing_but_the_model(capsys, tmp_path, no_cluster):
    run(capsys, "init", tmp_path)
    code, _, err = run(capsys, "check", tmp_path / "include" / "specs" / "my_model.yaml")
    assert code == 2
    assert "model.yaml" in err


def test_help_names_the_commands_and_imports_nothing_heavy():
    program = (
        "import sys; from ig_tasks.cli import _run; code = _run(['--help']);"
        "heavy = {'torch', 'tensorflow', 'pandas', 'distributed', 'airflow'} & set(sys.modules);"
        "sys.exit(code or (f'imported {heavy}' if heavy else 0))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("run", "check", "show", "init"):
        assert command in done.stdout
