"""A run judged and rendered again by its folder alone, and a run that the version before made."""

import json
import shutil
from pathlib import Path

import pytest
from support.inline import all_stages, inline

import ig_tasks
from ig_tasks import pipeline
from ig_tasks.errors import DataError, ModelError
from ig_tasks.spec import load_spec
from ig_tasks.stages.plan_facts import PLAN, stored_facts
from ig_tasks.store import Manifest, RunFolder, Store, run_key
from ig_tasks.store.report import Report
from ig_tasks.store.runs import locate_report

EARLIER = Path(__file__).parents[1] / "earlier_run"
"""A project with a run that the code before `RunReference` and plan.json made, its page left out for its size."""

RENDERING = {"revision", "created_at", "checks", "headline", "provenance", "timing"}
"""What two renderings of the same run differ in."""


@pytest.fixture(scope="module")
def session():
    with inline() as opened:
        yield opened


@pytest.fixture
def root(tmp_path):
    """A copy of the project, with the model that is served."""
    root = tmp_path / "project"
    shutil.copytree(EARLIER, root)
    shutil.copytree(root / "include" / "models" / "tiny", root / "include" / "models" / "served")
    return root


@pytest.fixture
def earlier(root):
    """The reference that the last stage of the earlier run returned, of this copy."""
    return json.loads((root / "reference.json").read_text().replace("/tmp/earlier", str(root)))


def spec_of(root, **settings):
    return load_spec(root / "include" / "specs" / "tiny.yaml", settings={"compute.workers": 0, **settings})


def take_away(root):
    """The data and every model package."""
    for name in ("data", "include/models"):
        (root / name).rename(root / f"{name}-gone")


def contents(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def report_of(ref):
    return json.loads(Path(ref["report_uri"]).read_text())


def test_thresholds_are_judged_and_rendered_again_where_data_and_packages_are_gone(root, session):
    shutil.rmtree(root / "runs")
    first = all_stages(spec_of(root), session)
    folder = Path(first.run_uri)
    computed = contents(folder)
    take_away(root)
    again = spec_of(root, **{"validation.unknown": {"at_most": 0.5}, "validation.parity.tolerance": 0.01})
    lines: list[str] = []
    ref = pipeline.validate(again, first, log=lines.append)
    second = pipeline.publish_report(again, ref, log=lines.append)
    assert (first.warnings, first.revision) == (("unknown",), 1)
    assert (second.warnings, second.revision) == ((), 2)
    # Nothing of the run itself was written: a rendering came beside it, with notes of it in the manifest.
    now = contents(folder)
    changed = {name for name in now if computed.get(name) != now[name] and not name.startswith("manifest/")}
    assert changed == {"validation.r2.json", "report.r2.json", "report.r2.html", "manifest.json"}
    before, after = report_of(first), report_of(second)
    assert {key: value for key, value in after.items() if key not in RENDERING} == {
        **{key: value for key, value in before.items() if key not in RENDERING},
        "data": {**before["data"], "unknown": [{**before["data"]["unknown"][0], "at_most": 0.5}]},
    }
    judged = {check["name"]: check for check in after["checks"]}
    for check in before["checks"]:
        assert judged[check["name"]]["observed"] == check["observed"]
    assert judged["unknown"]["expected"] == "at most 0.5"
    assert "within 0.01 x" in judged["parity"]["description"]
    assert Store(first.store).latest("tiny")["revision"] == 2


def test_labels_are_those_of_the_runs_own_features(root, session):
    ref = pipeline.RunReference.of(all_stages(spec_of(root), session))
    take_away(root)
    with pytest.raises(DataError, match=r"^features\.c: is not a feature of the model; .*a, b, kind"):
        pipeline.validate(spec_of(root, **{"features.c": {"label": "C"}}), ref, log=print)


def test_a_damaged_plan_is_made_anew_where_that_can_be(root, session):
    spec = spec_of(root)
    ref = all_stages(spec, session)
    plan = Path(ref.run_uri) / PLAN
    whole = plan.read_bytes()
    plan.write_bytes(whole[: len(whole) // 2])
    lines: list[str] = []
    pipeline.validate(spec, ref, log=lines.append)
    assert any(f"{PLAN} is damaged" in line and "set aside as damaged/" in line for line in lines)
    assert plan.read_bytes() == whole
    plan.unlink()
    take_away(root)
    with pytest.raises(ModelError, match=r"^model\.uri: no model package at "):
        pipeline.validate(spec, ref, log=print)


def test_a_run_of_the_version_before_is_read(root, earlier):
    folder = root / "runs" / "tiny" / earlier["run_id"]
    run = ig_tasks.open_run(str(folder))
    assert (run.report.run_id, run.report.state, run.report.data.rows_explained) == (earlier["run_id"], "published", 19)
    assert run.report == locate_report(str(folder))[0] == locate_report(str(folder / "report.json"))[0]
    assert (run.spec.name, run.spec.owner) == ("tiny", "testers")
    row = run.row("2-000000")
    total = row.filter(like="attribution:").sum()
    assert total == pytest.approx(row["output"] - row["baseline_output"], rel=1e-5)
    latest = Store(str(root / "runs")).latest("tiny")
    assert (latest["run_id"], latest["revision"], latest["partition"]) == (earlier["run_id"], 1, "2013-02")
    manifest = Manifest(RunFolder(str(folder), "tiny", earlier["run_id"])).document
    assert run_key(manifest["key_parts"]) == manifest["key"] == earlier["run_id"].rpartition("-")[2]


def test_a_run_of_the_version_before_is_the_same_run_today(root, session, earlier):
    """It fails when numbers or keys change: raise `ENGINE_VERSION` then, and store a run made by the new code."""
    folder = root / "runs" / "tiny" / earlier["run_id"]
    before = {name: held for name, held in contents(folder).items() if name.startswith(("attributions", "statistics"))}
    lines: list[str] = []
    ref = all_stages(spec_of(root), session, lines)
    assert ref.run_id == earlier["run_id"]
    assert f"compute_attributions: nothing to do, run {ref.run_id} is computed" in lines
    assert {name: contents(folder)[name] for name in before} == before


def test_a_run_of_the_version_before_is_judged_and_published_by_its_own_reference(root, earlier):
    spec, folder = spec_of(root), root / "runs" / "tiny" / earlier["run_id"]
    report = (folder / "report.json").read_bytes()
    run = RunFolder(str(folder), "tiny", earlier["run_id"])
    assert stored_facts(run) is None
    # Its report is of an earlier format: a rendering of this one comes beside it.
    ref = pipeline.publish_report(spec, pipeline.validate(spec, earlier, log=print), log=print)
    assert (ref.run_id, ref.revision) == (earlier["run_id"], 2)
    assert (folder / "report.json").read_bytes() == report
    # As today's code reads either: keys that have come since have their defaults in the older one.
    importance = Report.from_json(report).importance
    assert Report.from_json(Path(ref["report_uri"]).read_bytes()).importance == importance
    assert (folder / "report.r2.html").is_file()
    lines: list[str] = []
    same = pipeline.publish_report(spec, pipeline.validate(spec, earlier, log=lines.append), log=lines.append)
    assert "validate: nothing to do, these checks were carried out before" in lines
    assert "publish_report: nothing to do, this report was rendered before" in lines
    assert same.to_json() == ref.to_json()
    # The plan is written with it: from now on neither data nor packages are needed.
    facts = stored_facts(run)
    assert (facts.partition, facts.rows_available, facts.fitted_on_own_rows) == ("2013-02", 20, False)
    take_away(root)
    again = spec_of(root, **{"validation.unknown": {"at_most": 0.5}})
    second = pipeline.publish_report(again, pipeline.validate(again, earlier, log=print), log=print)
    assert (second.revision, second.warnings) == (3, ())
    assert Report.from_json(Path(second["report_uri"]).read_bytes()).importance == importance
