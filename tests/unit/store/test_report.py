"""report.json: its format, what it takes, and the schema that ships with the package."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema
import numpy as np
import pytest
from pydantic import ValidationError

from ig_tasks.errors import ReportError
from ig_tasks.store.report import SCHEMA_FILE, Check, FeatureInfo, Importance, Report, report_schema

# The keys of the public contract, in its order.
CONTRACT = [
    "schema_version",
    "state",
    "name",
    "run_id",
    "partition",
    "revision",
    "created_at",
    "model",
    "data",
    "baseline",
    "targets",
    "attribution",
    "completeness",
    "importance",
    "segments",
    "checks",
    "verdicts",
    "drift",
    "provenance",
    "timing",
]


def row(**changes: Any) -> dict[str, Any]:
    return {
        "target": "late",
        "segment": None,
        "feature": "dep_delay",
        "group": None,
        "rows": 100,
        "mean": 0.25,
        "abs_mean": 1.5,
        "std_dev": 2.0,
        "median": 0.125,
        "mean_square": 4.0625,
        "abs_mean_ci": (1.4, 1.6),
        "rank": 1,
        "rank_ci": (1, 2),
        **changes,
    }


def body(**changes: Any) -> dict[str, Any]:
    return {
        "schema_version": "1.0",
        "state": "published",
        "name": "flights_torch",
        "run_id": "2013-11-0123456789ab",
        "partition": "2013-11",
        "revision": 1,
        "created_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "model": {
            "uri": "file:///m",
            "framework": "torch",
            "digest": "sha256:1",
            "version": "1",
            "owner": "o",
        },
        "data": {
            "uri": "file:///d",
            "digest": "sha256:2",
            "rows_available": 101,
            "rows_read": 101,
            "rows_explained": 100,
            "rows_unconverged": 1,
            "rows_quarantined": 1,
            "quarantine_reasons": {"missing value in temp": 1},
        },
        "baseline": {"strategy": "auto", "digest": "sha256:3", "output": -1.0},
        "targets": [{"name": "late", "space": "logit"}],
        "attribution": {
            "method": "integrated_gradients",
            "integrator": "clenshaw_curtis",
            "tolerance": 0.01,
            "evaluations_per_row": 41.5,
            "seed": 0,
        },
        "completeness": {"max_relative_delta": 0.02, "mean_relative_delta": 0.001, "converged_fraction": 0.99},
        "importance": [row(), row(feature="carrier", rank=2)],
        "segments": [row(segment="origin=JFK", segment_column="origin", segment_level="JFK", rows=40)],
        "checks": [
            {"name": "completeness", "severity": "critical", "success": True, "observed": 1, "expected": "0.99"}
        ],
        "verdicts": [{"feature": "dep_delay", "verdict": "matters", "why": "rank 1"}],
        "drift": None,
        "provenance": {"versions": {"numpy": "2.0"}},
        "timing": {"compute_attributions": 6.5},
        **changes,
    }


def test_a_report_is_the_same_after_a_journey_through_json() -> None:
    report = Report.model_validate(body())
    assert Report.from_json(report.to_json()) == report
    assert Report.from_json(report.to_json()).to_json() == report.to_json()


def test_json_begins_with_the_keys_of_the_contract_in_its_order_and_ends_with_a_newline() -> None:
    text = Report.model_validate(body()).to_json()
    assert list(json.loads(text))[: len(CONTRACT)] == CONTRACT
    assert text.startswith('{\n  "schema_version": "1.0",\n')
    assert text.endswith("}\n")


@pytest.mark.parametrize("key", CONTRACT)
def test_every_key_of_the_contract_is_required(key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        Report.model_validate({name: value for name, value in body().items() if name != key})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -np.inf, np.float32("nan"), np.float64("nan")])
def test_non_finite_numbers_are_null_wherever_they_stand(value: Any) -> None:
    report = Report.model_validate(
        body(
            importance=[row(mean=value, abs_mean_ci=(value, 1.0))],
            timing={"validate": value},
            provenance={"deep": {"list": [value]}},
            checks=[{"name": "a", "severity": "warning", "success": False, "observed": value, "expected": "some"}],
        )
    )
    data = json.loads(report.to_json())
    assert data["importance"][0]["mean"] is None
    assert data["importance"][0]["abs_mean_ci"] == [None, 1.0]
    assert data["timing"]["validate"] is None
    assert data["provenance"]["deep"]["list"] == [None]
    assert data["checks"][0]["observed"] is None


def test_numpy_scalars_become_plain_numbers_with_every_digit() -> None:
    item = Importance.model_validate(row(mean=np.float64(0.1) + 0.2, rows=np.int64(7), rank=np.int32(3)))
    assert (item.mean, item.rows, item.rank) == (0.30000000000000004, 7, 3)
    assert type(item.rows) is int
    check = Check(name="a", severity="critical", success=True, observed=np.int64(3), expected="at most 5")
    assert check.observed == 3
    assert isinstance(check.observed, int)


def test_keys_that_a_later_minor_version_adds_are_ignored() -> None:
    data = json.loads(Report.model_validate(body()).to_json())
    data |= {"schema_version": "1.9", "later": 1}
    data["model"]["later"] = {"a": 1}
    report = Report.from_json(json.dumps(data))
    assert report.name == "flights_torch"
    assert "later" not in report.to_json()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "schema_version: absent"),
        ('{"schema_version": "2.0"}', "schema_version: 2.0; this version of ig-tasks reads 1.x"),
        ('{"schema_version": "1.0"}', r"report\.state: is missing \(also wrong: [a-z_., ]+ and \d+ more\); the"),
    ],
)
def test_what_is_not_a_report_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ReportError, match=message) as caught:
        Report.from_json(text)
    assert "\n" not in str(caught.value)


def test_a_report_is_frozen() -> None:
    report = Report.model_validate(body())
    with pytest.raises(ValidationError, match="frozen"):
        report.state = "withheld"  # type: ignore[misc]


def test_created_at_is_written_in_utc_and_needs_a_time_zone() -> None:
    east = datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert json.loads(Report.model_validate(body(created_at=east)).to_json())["created_at"] == ("2026-01-02T03:04:05Z")
    with pytest.raises(ValidationError, match="created_at"):
        Report.model_validate(body(created_at=datetime(2026, 1, 2)))


def test_ranking_is_that_of_one_target_the_greatest_first() -> None:
    report = Report.model_validate(
        body(
            targets=[{"name": "late", "space": "logit"}, {"name": "very_late", "space": "logit"}],
            importance=[row(feature="b", rank=2), row(feature="a"), row(feature="c", target="very_late")],
        )
    )
    assert [item.feature for item in report.ranking()] == ["a", "b"]
    assert [item.feature for item in report.ranking("very_late")] == ["c"]


def test_failed_checks_by_severity_and_labels() -> None:
    checks = [
        {"name": "a", "severity": "critical", "success": False, "observed": 0, "expected": "1"},
        {"name": "b", "severity": "warning", "success": False, "observed": 0, "expected": "1"},
        {"name": "c", "severity": "warning", "success": True, "observed": 1, "expected": "1"},
    ]
    report = Report.model_validate(
        body(checks=checks, features=[{"name": "dep_hour", "label": "Scheduled hour"}, {"name": "temp"}])
    )
    assert [check.name for check in report.failed()] == ["a", "b"]
    assert [check.name for check in report.failed("critical")] == ["a"]
    assert report.label("dep_hour") == "Scheduled hour"
    assert report.label("temp") == "temp"


def test_the_schema_in_the_package_is_that_of_the_models() -> None:
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == report_schema(), (
        "write it again: python -c 'from ig_tasks.store import report; report.write_schema()'"
    )


def test_the_schema_is_a_schema_and_takes_reports_of_this_and_later_minor_versions() -> None:
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    report = Report.model_validate(body(importance=[row(mean=float("nan"))]))
    data = json.loads(report.to_json())
    validator.validate(data)
    validator.validate({**data, "later": 1})
    assert not validator.is_valid({**data, "state": "draft"})
    assert not validator.is_valid({key: data[key] for key in data if key != "importance"})
    assert sorted(schema["required"]) == sorted(CONTRACT)


def test_a_copy_with_other_features_has_its_own_labels() -> None:
    report = Report.model_validate(body(features=[{"name": "dep_hour", "label": "Scheduled hour"}]))
    assert report.label("dep_hour") == "Scheduled hour"
    copy = report.model_copy(update={"features": (FeatureInfo(name="dep_hour", label="Hour"),)})
    assert (copy.label("dep_hour"), copy.label("temp"), report.label("dep_hour")) == ("Hour", "temp", "Scheduled hour")
    assert report == Report.model_validate(body(features=[{"name": "dep_hour", "label": "Scheduled hour"}]))
