"""A rendering's key: settings that came later are no part of the renderings that do not use them."""

from ig_tasks.reports.rendering import _key
from ig_tasks.spec import ExplanationSpec
from ig_tasks.store import run_key


def spec_of(**changes):
    return ExplanationSpec.model_validate({"version": 1, "name": "demo", "model": "m", "data": "d", **changes})


def test_a_spec_that_uses_nothing_new_has_the_key_that_it_always_had():
    checks = {
        "completeness": {"mostly": 0.99, "within": None, "severity": "critical"},
        "converged": {"at_least": 0.95, "severity": "warning"},
        "quarantined": {"at_most": 0.05, "severity": "critical"},
        "parity": {"tolerance": 1e-3, "mostly": 1.0, "severity": "critical"},
    }
    before = {
        "format": 1,
        "validation": checks,
        "report": {"examples": 5, "keep_inputs": True},
        "features": {},
        "description": "",
        "owner": "",
        "tags": [],
    }
    assert _key(spec_of(), None) == run_key(before)


def test_what_is_compared_and_with_which_model_is_a_part_of_it():
    plain = spec_of()
    others = [
        _key(spec_of(validation={"parity": {"space": "probability"}}), None),
        _key(spec_of(validation={"parity": {"rows": 9}}), None),
        _key(plain, {"digest": "sha256:1", "file": "a.json"}),
        _key(plain, {"digest": "sha256:2", "file": "a.json"}),
    ]
    assert len({_key(plain, None), *others}) == 5
