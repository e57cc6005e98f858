"""A secret planted in any text of a spec or of model.yaml is in nothing that is written, logged, printed or rendered.

The places are found in the pydantic models, so that a new field is planted, too.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
import yaml
from pydantic import AfterValidator, BaseModel
from support.tiny import MODEL_YAML, write_package, write_project

from ig_tasks import cli
from ig_tasks.models.config import ModelConfig
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.uris import check_uri, without_secrets

SECRET = "hunter2Qx9"
FORMS = (
    "https://host.example/x.parquet?sig=hunter2Qx9",
    "https://host.example/x.parquet?a=1&token=hunter2Qx9",
    "s3://bucket/x?X-Amz-Signature=hunter2Qx9",
    "ftp://hunter2Qx9@host.example/x",
    "ftp://me:hunter2Qx9@host.example/x",
    "ftp://me%3Ahunter2Qx9@host.example/x",
)
READ_BY_NOBODY = {"origin", "overrides"}
"""Keys that a spec's file may not have."""

Path_ = tuple[str, ...]


def _validators(annotation: Any, metadata: Any = ()) -> set[Any]:
    """What the texts of a field go through; None for a text that goes through nothing."""
    functions = {item.func for item in metadata if isinstance(item, AfterValidator)} & {check_uri, without_secrets}
    if functions:
        return functions
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _validators(inner, more)
    if annotation is str:
        return {None}
    return {found for part in get_args(annotation) if not isinstance(part, str) for found in _validators(part)}


def _sections(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _sections(part)]


def _texts(model: type[BaseModel], before: Path_ = ()) -> Iterator[tuple[Path_, set[Any]]]:
    """(keys, validators) of each field of a document that holds text."""
    for name, field in model.model_fields.items():
        if not before and name in READ_BY_NOBODY:
            continue
        if found := _validators(field.annotation, field.metadata):
            yield (*before, name), found
        named = "a" if str(field.annotation).startswith("dict[") else None
        for section in _sections(field.annotation):
            yield from _texts(section, (*before, name, named) if named else (*before, name))


SPEC = dict(_texts(ExplanationSpec))
MODEL = dict(_texts(ModelConfig))
SHOWN = [path for path, found in SPEC.items() if without_secrets in found]
"""Text that people write and reports show: taken, and its secrets cut."""

NAMES = {
    "name", "schedule.cron", "schedule.partition", "partition", "model.target", "model.trust",
    "model.served.target", "model.served.trust", "data.partition", "data.id", "data.segments", "data.prediction",
    "data.cluster", "data.label", "data.rows", "drift.segments",
    "baseline.partition", "drift.reference", "baseline.value", "baseline.segment", "features",
    "reasons.texts", "attribution.options",
}  # fmt: skip
"""Fields that name something of the data or the model. A new field of text is a name, or a `Uri`, or `Prose`."""


def _put(document: dict[str, Any], path: Path_, value: Any) -> None:
    *parents, last = path
    for key in parents:
        held = document.get(key)
        document[key] = held if isinstance(held, dict) else {"uri": held} if held else {}
        document = document[key]
    document[last] = value


def _planted(project: Path, path: Path_, value: Any) -> None:
    document = yaml.safe_load(project.read_text())
    if path[:2] == ("model", "served") and path != ("model", "served", "uri"):
        _put(document, ("model", "served", "uri"), "../models/tiny")
    if path[0] == "schedule" and path[1] == "partition":
        _put(document, ("schedule", "cron"), "@daily")
    if path == ("baseline", "uri"):
        document["baseline"] = {"strategy": "table"}
    if path == ("baseline", "value"):
        document["baseline"] = {"strategy": "constant"}
        value = {"kind": value}
    if path == ("baseline", "space"):
        document["baseline"] = {"strategy": "reference_population", "cutoff": 0.0, "within": 1.0}
    if path[0] == "reasons":
        document["reasons"] = {"threshold": 0.0, "adverse": "above", **document.get("reasons", {})}
    if path[0] == "approval":
        document["approval"] = {"severity": "warning", **document.get("approval", {})}
    if path in (("compute", "resources"), ("features",), ("reasons", "texts"), ("attribution", "options")):
        value = {
            value: 1.0
            if path[0] in ("compute", "attribution")
            else {"code": "x"}
            if path[0] == "reasons"
            else {"label": "x"}
        }
    _put(document, path, value)
    project.write_text(yaml.safe_dump(document, allow_unicode=True))


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path, rows=20, compute={"workers": 0})


def _run(project: Path, capsys: Any, caplog: Any, *arguments: str) -> tuple[int, str]:
    """The exit code of `ig-tasks run`, and everything that it printed, logged, and left in the project."""
    with caplog.at_level(logging.DEBUG):
        code = cli._run(["run", str(project), *arguments])
    printed = capsys.readouterr()
    root = project.parents[2]
    inputs = {project, project.parents[1] / "models" / "tiny" / "model.yaml"}
    written = [path for path in root.rglob("*") if path.is_file() and path not in inputs]
    texts = [printed.out, printed.err, caplog.text, *(str(path) for path in written)]
    return code, "\n".join([*texts, *(path.read_bytes().decode("latin-1") for path in written)])


def test_every_text_of_a_spec_is_a_uri_or_prose_or_a_name():
    known = {".".join(path) for path, found in SPEC.items() if None in found}
    assert known == NAMES
    uris = {".".join(path) for path, found in SPEC.items() if check_uri in found}
    assert {"model.uri", "model.served.uri", "data.uri", "baseline.uri", "store", "compute.address"} <= uris
    assert ("weights",) in [path for path, found in MODEL.items() if check_uri in found]


@pytest.mark.parametrize("path", [path for path in SPEC if path not in SHOWN], ids=".".join)
def test_a_secret_in_a_spec_is_refused_and_repeated_nowhere(project, capsys, caplog, path):
    for form in FORMS if check_uri in SPEC[path] else FORMS[::4]:
        whole = project.read_text()
        _planted(project, path, form)
        code, everything = _run(project, capsys, caplog)
        assert SECRET not in everything
        assert code == 2
        assert "Traceback" not in everything
        if check_uri in SPEC[path]:
            assert f"{'.'.join(path)}" in everything
            assert "leave it out: workers use credentials of their own" in everything
        project.write_text(whole)
        caplog.clear()


@pytest.mark.parametrize("form", [FORMS[1], FORMS[4]])
def test_a_secret_in_what_a_report_shows_is_cut(project, capsys, caplog, form):
    from ig_tasks.orchestration import ig_dag

    assert {"description", "owner", "tags", "features.a.label", "features.a.description"} <= set(map(".".join, SHOWN))
    for path in SHOWN:
        _planted(project, path, f"see {form} or host.example")
    write_package(project.parents[1] / "models" / "tiny", card={"name": "n", "owner": form, "link": [{"deep": form}]})
    code, everything = _run(project, capsys, caplog)
    assert code == 0
    assert SECRET not in everything
    assert "host.example" in everything
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__UNIT_TEST_MODE", "true")
        dag = ig_dag(project)
    assert SECRET not in str([vars(task) for task in dag.tasks] + [dag.doc_md, dag.tags, dag.description])


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_in_a_uri_is_in_no_dag(project, form):
    from ig_tasks.orchestration import ig_dags

    whole = project.read_text()
    for path in [path for path, found in SPEC.items() if check_uri in found]:
        _planted(project, path, form)
        dags = ig_dags(project.parent)
        assert dags
        for dag in dags:
            held = [vars(task) for task in dag.tasks] + [dag.doc_md, dag.tags, dag.description, dag.schedule, vars(dag)]
            assert SECRET not in str(held)
        project.write_text(whole)


@pytest.mark.parametrize("path", [path for path in MODEL if path[0] not in ("card", "arguments")], ids=".".join)
def test_a_secret_in_a_model_package_is_refused_and_repeated_nowhere(project, capsys, caplog, path):
    for form in FORMS if check_uri in MODEL[path] else FORMS[::4]:
        document = yaml.safe_load(yaml.safe_dump(MODEL_YAML))
        name = {"inputs": "kind", "targets": "late"}.get(path[0])
        keys = tuple(name if key == "a" else key for key in path)
        if keys in (("inputs",), ("targets",)):
            keys, form = keys[:1], {form: document[path[0]][name]}
        _put(document, keys, form)
        package = project.parents[1] / "models" / "tiny"
        (package / "model.yaml").write_text(yaml.safe_dump(document))
        code, everything = _run(project, capsys, caplog)
        assert SECRET not in everything
        assert code == 2
        assert "Traceback" not in everything
        caplog.clear()


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_on_the_command_line_or_in_the_environment_is_not_repeated(project, capsys, caplog, monkeypatch, form):
    for arguments in (["--store", form], ["--set", f"data.uri={form}"], ["--set", f"data.uri={form} ["]):
        code, everything = _run(project, capsys, caplog, *arguments)
        assert code == 2
        assert SECRET not in everything
    document = yaml.safe_load(project.read_text())
    del document["store"]
    project.write_text(yaml.safe_dump(document))
    monkeypatch.setenv("IG_TASKS_STORE", form)
    code, everything = _run(project, capsys, caplog)
    assert code == 2
    assert SECRET not in everything
    assert "IG_TASKS_STORE: the URI holds a" in everything
