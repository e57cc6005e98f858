"""A run whose settings are not the spec's own is ad-hoc; which rows, when and where are no settings of that kind."""

import json

import pytest

from ig_tasks.errors import SpecError
from ig_tasks.spec import ExplanationSpec, Override, load_for_run, load_spec

DOCUMENT = {
    "version": 1, "name": "loans", "model": "m", "data": {"uri": "d", "partition": "month"},
    "baseline": {"strategy": "quantile", "q": 0.5}, "attribution": {"tolerance": 0.02},
}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "loans.yaml"
    place.write_text(json.dumps(DOCUMENT))
    return place


def told(spec):
    return {one.field: (one.spec, one.run) for one in spec.overrides}


def test_params_that_differ_are_noted_with_both_values(path):
    spec = load_spec(path)
    assert spec.official
    used = spec.with_overrides(partition="2013-10", sample=500, tolerance=0.05, baseline="median")
    assert not used.official
    assert told(used) == {
        "data.sample": (None, 500),
        "attribution.tolerance": (0.02, 0.05),
        "baseline.strategy": ("quantile", "median"),
        "baseline.q": (0.5, None),
    }


def test_equal_values_and_another_partition_are_no_overrides(path):
    used = load_spec(path).with_overrides(partition="2013-10", tolerance=0.02, baseline="quantile")
    assert used.official
    assert used.partition == "2013-10"


def test_a_setting_that_is_set_back_is_official_again(path):
    once = load_spec(path).with_overrides(tolerance=0.05, sample=10)
    again = once.with_overrides(tolerance=0.1)
    assert told(again) == {"data.sample": (None, 10), "attribution.tolerance": (0.02, 0.1)}
    assert told(again.with_overrides(tolerance=0.02)) == {"data.sample": (None, 10)}


def test_overrides_travel_with_the_resolved_spec(path):
    used = load_spec(path).with_overrides(sample=5)
    back = ExplanationSpec.from_resolved(json.loads(json.dumps(used.to_document())))
    assert back == used
    assert back.overrides == (Override(field="data.sample", spec=None, run=5),)


NAMED = {"label": "Age", "group": None, "description": None, "expected_sign": None, "follows_partition": False}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {}),
        ({"attribution.tolerance": 0.02}, {}),
        ({"compute.workers": 2, "compute.shard_rows": 10, "store": "runs", "partition": "2013-01", "name": "mine"}, {}),
        ({"attribution.seed": 3}, {"attribution.seed": (0, 3)}),
        ({"validation.quarantined.at_most": 0.5}, {"validation.quarantined.at_most": (0.05, 0.5)}),
        ({"baseline.partition": "2013-01"}, {"baseline.partition": (None, "2013-01")}),
        ({"features.age.label": "Age"}, {"features.age": (None, NAMED)}),
    ],
)
def test_settings_of_the_command_line_are_compared_with_the_file(path, settings, expected):
    assert told(load_for_run(path, settings)) == expected


def test_a_model_elsewhere_is_an_override_with_its_whole_place(path, tmp_path):
    used = load_for_run(path, {"model": "other"})
    assert told(used) == {"model.uri": (str(tmp_path / "m"), str(tmp_path / "other"))}


def test_where_the_file_alone_is_no_spec_all_that_was_set_is_an_override(path):
    path.write_text(json.dumps({key: value for key, value in DOCUMENT.items() if key != "model"}))
    assert told(load_for_run(path, {"model": "m", "compute.workers": 1})) == {"model": (None, "m")}


def test_no_spec_may_say_so_itself(path):
    path.write_text(json.dumps({**DOCUMENT, "overrides": []}))
    with pytest.raises(SpecError, match=r"overrides: no such key; it is set when a spec is read"):
        load_spec(path)
    with pytest.raises(SpecError, match="overrides: no such key"):
        load_for_run(path, {"overrides": []})
