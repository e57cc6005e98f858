"""Runs by other methods than Integrated Gradients: the spec, the checks, the report, what they are compared with."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.tiny import write_project

import ig_tasks
from ig_tasks import pipeline
from ig_tasks.attribution.methods import METHODS
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import SpecError
from ig_tasks.pipeline.checkup import Checkup
from ig_tasks.spec import AttributionSpec, ComputeSpec, load_spec

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def session():
    with ComputeSession(ComputeSpec(workers=0)) as opened:
        yield opened


def run(path, session, **settings):
    """All stages; returns the reference, the report, its page and the lines."""
    lines = []
    spec = load_spec(path, settings=settings)
    ref = pipeline.load_model(spec, session=session, log=lines.append)
    ref = pipeline.build_baseline(spec, ref, session=session, log=lines.append)
    ref = pipeline.compute_attributions(spec, ref, session=session, log=lines.append)
    ref = pipeline.publish_report(spec, pipeline.validate(spec, ref, log=lines.append), log=lines.append)
    return ref, json.loads(Path(ref["report_uri"]).read_text()), Path(ref["page_uri"]).read_text(), lines


def test_the_spec_knows_the_methods_of_the_engine():
    known = AttributionSpec.model_json_schema()["properties"]["method"]["enum"]
    # Units of layers are no features of a package, so that a run has no place for their attributions.
    assert set(known) == METHODS.keys() - {"neuron", "layer", "conductance", "integrated_hessians"}


def test_a_run_without_proof_says_so_in_words_and_is_compared_with_no_other_method(tmp_path, session):
    path = write_project(tmp_path, rows=60, attribution={"method": "saliency"})
    ref, report, page, lines = run(path, session)
    assert report["attribution"]["method"] == "saliency"
    assert ref["rows"]["unverified"] == ref["rows"]["explained"] > 0
    assert report["state"] == "published"
    assert [check["name"] for check in report["checks"] if not check["success"]] == ["converged"]
    assert "completeness" not in [check["name"] for check in report["checks"]]
    assert report["completeness"]["max_relative_delta"] is None
    assert "Saliency (Simonyan, Vedaldi and Zisserman, 2014)" in page
    assert "this method has neither completeness nor an error estimate" in page
    # A slope is no part of an output, and not counted in its units.
    assert "per unit of the feature" in page
    assert "moves the output by" not in page
    assert "they add up" not in page
    assert any("choose attribution.method: integrated_gradients" in line for line in lines)
    opened = ig_tasks.open_run(ref["run_uri"], trusted_root=tmp_path)
    row = opened.row("1-000003")
    assert row.attrs["status"].startswith("Unverified: this method has neither")
    again = opened.explain("1-000003")
    assert again.details["method"] == "saliency"
    names = [name for name in row.index if name.startswith("attribution:")]
    np.testing.assert_allclose(again.matrix[0], row[names].to_numpy(float), rtol=1e-5)

    proven, *_ = run(write_project(tmp_path, rows=60), session)
    drift = ig_tasks.compare(ref["run_uri"], proven["run_uri"], trusted_root=tmp_path, cross=False)
    assert not drift.comparable
    assert "the method was 'saliency' and is 'integrated_gradients'" in drift.summary


def test_a_method_with_an_error_estimate_is_proven_and_its_options_are_part_of_the_run(tmp_path, session):
    guided = {"method": "guided", "options": {"steps": 20, "max_distance": 0.1}, "tolerance": 0.05}
    ref, report, page, _ = run(write_project(tmp_path, rows=60, attribution=guided), session)
    assert ref["rows"]["unverified"] == 0
    assert report["attribution"]["options"] == guided["options"]
    assert all(check["success"] for check in report["checks"])
    assert "Guided Integrated Gradients (Kapishnikov et al., 2021) with steps 20, max_distance 0.1" in page
    other, *_ = run(write_project(tmp_path, rows=60, attribution={**guided, "options": {"steps": 21}}), session)
    assert other["run_id"] != ref["run_id"]
    drift = ig_tasks.compare(ref["run_uri"], other["run_uri"], trusted_root=tmp_path, cross=False)
    assert "the method's options was" not in drift.summary
    assert "the options of method guided were" in drift.summary


def test_expected_gradients_over_drawn_baselines(tmp_path, session):
    settings = {"attribution": {"method": "expected_gradients"}, "baseline": {"strategy": "samples", "k": 3}}
    ref, _, page, _ = run(write_project(tmp_path, rows=60, **settings), session)
    assert ref["rows"]["unverified"] == 0
    assert "Expected Gradients (Erion et al., 2021)" in page


@pytest.mark.parametrize(
    ("attribution", "line"),
    [
        ({"method": "guided", "options": {"step": 3}}, "attribution.method 'guided': it has no 'step'; did you mean"),
        ({"method": "idgi", "options": {"steps": 0}}, "attribution.method 'idgi': steps 0 is not a whole number"),
        ({"method": "gided"}, "attribution.method"),
        ({"method": "expected_gradients"}, "and baseline.strategy 'auto' gives one; write such as baseline: {strategy"),
        (
            {"method": "weighted_baselines", "options": {"weights": [1, 2]}},
            "2 weights for 1 baseline of strategy 'auto'",
        ),
    ],
)
def test_a_wrong_method_is_refused_before_anything_starts(tmp_path, session, attribution, line):
    path = write_project(tmp_path, rows=20, attribution=attribution)
    with pytest.raises(SpecError) as raised:
        pipeline.load_model(load_spec(path), session=session)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_check_warns_of_a_method_that_proves_nothing(tmp_path):
    spec = load_spec(write_project(tmp_path, rows=60, attribution={"method": "gradient_x_input"}))
    with Checkup(spec) as checkup:
        lines = checkup.lines()
    assert any(
        line.startswith("method    WARNING: this method has neither completeness nor an error estimate, so every row")
        and line.endswith("choose attribution.method: integrated_gradients")
        for line in lines
    )
