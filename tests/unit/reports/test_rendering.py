"""A rendering has a key, and a revision that it shares with no other, even one made at the same moment."""

import pytest

from ig_tasks.reports.page import render_page
from ig_tasks.reports.rendering import Rendering
from ig_tasks.reports.rendering_key import rendering_key
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.run_reference import ComparedFacts
from ig_tasks.store import Manifest, RunFolder, digest_of, run_key
from ig_tasks.store.report import Report

pytestmark = pytest.mark.usefixtures("undrawn")


def compared(digest):
    return ComparedFacts(uri="models/served", digest=digest, space="logit", file="a.json")


def spec_of(**changes):
    return ExplanationSpec.model_validate({"version": 1, "name": "demo", "model": "m", "data": "d", **changes})


def test_a_spec_that_uses_nothing_new_has_the_key_that_it_has_had_since_this_format():
    checks = {
        "completeness": {"mostly": 0.99, "within": None, "severity": "critical"},
        "converged": {"at_least": 0.95, "severity": "warning"},
        "quarantined": {"at_most": 0.05, "severity": "critical"},
        "parity": {"tolerance": 1e-3, "mostly": 1.0, "severity": "critical"},
    }
    before = {
        "format": 3,
        "validation": checks,
        "report": {"examples": 5, "keep_inputs": True},
        "features": {},
        "description": "",
        "owner": "",
        "tags": [],
    }
    assert rendering_key(spec_of(), None) == run_key(before)


def test_what_is_compared_and_with_which_model_is_a_part_of_it():
    plain = spec_of()
    others = [
        rendering_key(spec_of(validation={"parity": {"space": "probability"}}), None),
        rendering_key(spec_of(validation={"parity": {"rows": 9}}), None),
        rendering_key(spec_of(validation={"unknown": {"at_most": 0.5}}), None),
        rendering_key(plain, compared("sha256:1")),
        rendering_key(plain, compared("sha256:2")),
    ]
    assert len({rendering_key(plain, None), *others}) == 6


def test_a_spec_with_groups_is_rendered_again_since_they_have_an_importance():
    labelled, grouped = {"a": {"label": "A"}}, {"a": {"group": "g"}}
    document = spec_of(features=labelled).to_document()
    shown = {name: document[name] for name in ("validation", "report", "description", "owner", "tags")}
    shown["validation"]["parity"] = {
        k: v for k, v in shown["validation"]["parity"].items() if k not in ("space", "rows")
    }
    del shown["validation"]["unknown"]  # as every check that came later, no part of a key that does not use it
    for features, added in ((labelled, {}), (grouped, {"groups": 1})):
        spec = spec_of(features=features)
        presented = spec.to_document()["features"]
        for later in ("follows_partition", "expected_sign"):
            del presented["a"][later]
        before = {"format": 3, **shown, "features": presented}
        assert rendering_key(spec, None) == run_key({**before, **added})


def test_reasons_are_part_of_the_key_of_a_spec_that_has_them_and_of_no_other():
    asked = [None, *({"threshold": threshold, "adverse": "above"} for threshold in (0.1, 0.2))]
    assert len({rendering_key(spec_of(reasons=reasons), None) for reasons in asked}) == 3


def test_who_decides_and_a_launch_that_is_missing_are_part_of_the_key_where_they_matter():
    decided = [None, "warning", "critical"]
    keys = {rendering_key(spec_of(**({"approval": severity} if severity else {})), None) for severity in decided}
    assert len(keys) == 3
    # Who answers, and how fast, is no part of what is rendered.
    slow = {"severity": "critical", "users": "ada", "days": 3}
    assert rendering_key(spec_of(approval=slow), None) in keys
    plain = spec_of()
    assert rendering_key(plain, None, None, True) != rendering_key(plain, None, None, False)


def test_a_report_is_turned_into_text_once_since_a_wide_one_takes_seconds(tmp_path, sample, monkeypatch):
    written = []
    to_json = Report.to_json
    monkeypatch.setattr(Report, "to_json", lambda report: written.append(report) or to_json(report))
    run = RunFolder(str(tmp_path), "demo", "all-0")
    Rendering.of(run, spec_of(compute={"workers": 0}), say=print)._publish(sample.flights_report(**sample.BARE))
    assert len(written) == 1


def test_the_same_rendering_twice_at_one_moment_leaves_one_report_and_its_page(tmp_path, sample):
    run = RunFolder(str(tmp_path), "demo", "all-0")
    first, second = (Rendering.of(run, spec_of(compute={"workers": 0}), say=print) for _ in range(2))
    published = sample.flights_report(owner="who was first", **sample.BARE)
    first._publish(published)
    second._publish(sample.flights_report(owner="who was later", **sample.BARE))
    (revision,) = run.revisions()
    assert revision == 1
    assert run.read_report().owner == "who was first"
    assert run.read_report() == Report.from_json(published.to_json())
    page = run.read_bytes("report.html")
    assert page == render_page(run.read_report()).encode("utf-8")
    files = Manifest(run).document["files"]
    assert files == {"report.html": digest_of(page), "report.json": digest_of(run.read_bytes("report.json"))}
