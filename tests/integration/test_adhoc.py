"""A trial never becomes the official report: settings of a run's own make it ad-hoc, whoever gives them."""

import json
from pathlib import Path

import pytest
from support.tiny import write_project

from ig_tasks import pipeline
from ig_tasks.cli import main
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import ReportError, ValidationFailedError
from ig_tasks.spec import ComputeSpec, load_for_run, load_spec
from ig_tasks.store import Store
from ig_tasks.store.runs import locate_report

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def session():
    with ComputeSession(ComputeSpec(workers=0)) as opened:
        yield opened


def stages(spec, session):
    """All stages; returns the reference, the report and the lines."""
    lines = []
    ref = pipeline.load_model(spec, session=session, log=lines.append)
    ref = pipeline.build_baseline(spec, ref, session=session, log=lines.append)
    ref = pipeline.compute_attributions(spec, ref, session=session, log=lines.append)
    ref = pipeline.publish_report(spec, pipeline.validate(spec, ref, log=lines.append), log=lines.append)
    return ref, json.loads(Path(ref["report_uri"]).read_text()), lines


def test_a_trial_has_a_report_that_says_so_and_leaves_the_official_one(tmp_path, session):
    spec = load_spec(write_project(tmp_path, rows=60))
    place = Path(spec.store_uri()) / "tiny"
    trial, report, lines = stages(spec.with_overrides(sample=20), session)
    assert report["overrides"] == [{"field": "data.sample", "spec": None, "run": 20}]
    assert report["data"]["rows_read"] == 20
    assert (trial["official"], trial["verdict"]) == (False, "ad-hoc")
    assert any(
        line.endswith("(ad-hoc: data.sample is 20, in the spec it is not set; latest.json stays as it is)")
        for line in lines
    )
    page = Path(trial["page_uri"]).read_text()
    assert page.index("Ad-hoc run: this is not the official report") < page.index('class="trust"')
    assert "data.sample is 20, in the spec it is not set" in page
    assert not (place / "latest.json").exists()
    with pytest.raises(ReportError, match=r"tiny: only ad-hoc runs have a report here"):
        locate_report(str(place))

    official, report, _ = stages(spec, session)
    assert (report["overrides"], report["data"]["rows_read"]) == ([], 90)
    assert (official["official"], official["verdict"]) == (True, "published")
    ranked = sorted(report["importance"], key=lambda row: row["rank"])
    assert official["leading"] == [row["feature"] for row in ranked[:3]]
    latest = json.loads((place / "latest.json").read_text())
    stages(spec.with_overrides(sample=20, tolerance=0.02), session)
    assert json.loads((place / "latest.json").read_text()) == latest
    assert locate_report(str(place))[0].run_id == official["run_id"]


def test_the_same_numbers_have_a_report_for_a_trial_and_an_official_one(tmp_path, session):
    """A trial first, then a spec that says what the trial was given: nothing is computed twice, both are told apart."""
    path = write_project(tmp_path, rows=60)
    trial, first, _ = stages(load_spec(path).with_overrides(tolerance=0.05), session)
    # The table of baselines is made of official runs alone, and needs a worker.
    without_table = "verdicts: {unstable: {rows: 0}}\n"
    path.write_text(path.read_text() + "attribution: {tolerance: 0.05}\n" + without_table)
    with ComputeSession(ComputeSpec(address="tcp://127.0.0.1:1")) as nobody:
        official, second, lines = stages(load_spec(path), nobody)
    assert official["run_id"] == trial["run_id"]
    assert any("compute_attributions: nothing to do" in line for line in lines)
    assert [first["revision"], second["revision"]] == [1, 2]
    assert [len(first["overrides"]), len(second["overrides"])] == [1, 0]
    assert Store(load_spec(path).store_uri()).latest("tiny")["report"] == official["report_uri"]
    # A Param that says what the spec says is no override: the same report, not another revision.
    same, _, _ = stages(load_spec(path).with_overrides(tolerance=0.05), session)
    assert same["report_uri"] == official["report_uri"]


def test_loosened_thresholds_judge_again_and_stay_a_trial(tmp_path, session):
    """A withheld report is not published by a threshold on the command line; that belongs into the spec."""
    path = write_project(tmp_path, rows=60, validation={"completeness": {"within": 1e-300}})
    with pytest.raises(ValidationFailedError):
        stages(load_spec(path), session)
    loose = load_for_run(path, {"validation.completeness.within": 0.5})
    ref, report, _ = stages(loose, session)
    assert report["overrides"] == [{"field": "validation.completeness.within", "spec": 1e-300, "run": 0.5}]
    assert Store(loose.store_uri()).latest("tiny") is None
    # Whoever marks `validate` as a success by hand does not publish what was withheld.
    strict = {key: value for key, value in ref.items() if key != "revision"}
    with pytest.raises(ValidationFailedError, match="the checks withheld this report, read it at "):
        pipeline.publish_report(load_spec(path), strict, log=lambda _: None)
    assert Store(loose.store_uri()).latest("tiny") is None


def test_the_command_line_makes_a_trial_of_what_is_set(tmp_path, capsys):
    path = write_project(tmp_path, rows=60, compute={"workers": 0})
    with pytest.raises(SystemExit) as ended:
        main(["run", str(path), "--set", "data.sample=20", "--set", "compute.shard_rows=1000"])
    shown = capsys.readouterr()
    assert ended.value.code == 0
    report = json.loads(Path(shown.out.splitlines()[-1]).read_text())
    assert [one["field"] for one in report["overrides"]] == ["data.sample"]
    assert "ad-hoc: data.sample is 20" in shown.err
    assert Store(load_spec(path).store_uri()).latest("tiny") is None
    with pytest.raises(SystemExit):
        main(["show", shown.out.splitlines()[-1]])
    assert "Ad-hoc run: this is not the official report. data.sample is 20" in " ".join(capsys.readouterr().out.split())
