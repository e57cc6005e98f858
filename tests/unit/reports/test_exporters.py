"""Reports in other systems' formats: read back, they hold the report's own figures."""

from __future__ import annotations

import csv
import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from ig_tasks.errors import InputError
from ig_tasks.reports.exporters import FORMATS, export_text
from ig_tasks.store.report import Report


@pytest.fixture
def report(sample: SimpleNamespace) -> Report:
    return sample.flights_report()


def exported(report: Report, format_: str) -> str:
    return "".join(export_text(report, "memory://nowhere/report.json", format_))


def test_csv_holds_every_figure_to_its_last_digit(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(report, "csv"))))
    wanted = [*report.importance, *report.segments]
    assert len(rows) == len(wanted)
    for row, one in zip(rows, wanted, strict=True):
        assert (row["feature"], row["segment"], int(row["rank"])) == (one.feature, one.segment or "", one.rank)
        for name in ("abs_mean", "mean", "std_dev", "median", "mean_square"):
            assert row[name] == ("" if getattr(one, name) is None else repr(getattr(one, name)))
        assert float(row["abs_mean_low"]) == one.abs_mean_ci[0]


def test_a_name_that_a_spreadsheet_would_calculate_is_text(report: Report) -> None:
    first = report.importance[0].model_copy(update={"feature": '=HYPERLINK("x")'})
    text = exported(report.model_copy(update={"importance": (first,), "segments": ()}), "csv")
    assert next(csv.DictReader(io.StringIO(text)))["feature"] == '\'=HYPERLINK("x")'


def test_michelangelo_maps_hold_the_figures_of_each_target(report: Report) -> None:
    (one,) = json.loads(exported(report, "michelangelo"))
    assert one["output_name"] == report.targets[0].name
    assert one["explainer_module"] == "ig_tasks.integrated_gradients"
    for row in report.ranking():
        figures = one["feature_importance"][row.feature]
        assert {name: figures[name] for name in ("mean", "abs_mean", "std_dev")} == {
            "mean": row.mean, "abs_mean": row.abs_mean, "std_dev": row.std_dev,
        }  # fmt: skip
    numbers = {value.feature: value.value for value in report.baseline.values if isinstance(value.value, int | float)}
    assert {name: held["baseline"] for name, held in one["feature_importance"].items() if "baseline" in held} == {
        name: float(value) for name, value in numbers.items()
    }


def test_clarify_s_analysis_holds_global_values(report: Report) -> None:
    document = json.loads(exported(report, "clarify"))
    assert document["version"] == "1.0"
    held = document["explanations"]["integrated_gradients"][report.targets[0].name]
    assert held["global_shap_values"] == {row.feature: row.abs_mean for row in report.ranking()}
    assert held["expected_value"] == report.baseline.output


def test_the_model_card_section_shows_names_as_they_are(report: Report) -> None:
    first = report.importance[0].model_copy(update={"feature": "a|b *c* [d](e)", "rank": 1})
    text = exported(report.model_copy(update={"importance": (first,), "features": ()}), "model-card")
    assert "| 1 | a\\|b \\*c\\* \\[d\\]\\(e\\) |" in text
    assert report.model.digest in text
    assert text.startswith("## Feature importance\n")


def test_cyclonedx_is_valid_by_the_format_s_own_schema(report: Report, sample: SimpleNamespace) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_7)
    for one in (report, sample.hostile_report(sample.HIDDEN)):
        text = exported(one, "cyclonedx")
        assert validator.validate_str(text) is None
        card: dict[str, Any] = json.loads(text)["metadata"]["component"]["modelCard"]
        metrics = card["quantitativeAnalysis"]["performanceMetrics"]
        figures = [row.abs_mean for row in (*one.importance, *one.segments) if row.abs_mean is not None]
        assert [float(metric["value"]) for metric in metrics] == figures
        assert {item["name"] for item in card["properties"]} >= {"ig-tasks:model-digest", "ig-tasks:data-digest"}
    assert exported(report, "cyclonedx") == exported(report, "cyclonedx")
    broken = json.loads(exported(report, "cyclonedx"))
    broken["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]["value"] = 1.0
    assert validator.validate_str(json.dumps(broken)) is not None


def test_a_format_that_there_is_not_is_one_line(report: Report) -> None:
    with pytest.raises(InputError, match=r"format: 'vertx' is not a format; did you mean 'vertex'"):
        exported(report, "vertx")
    assert set(FORMATS) == {"csv", "michelangelo", "clarify", "vertex", "shap", "model-card", "cyclonedx", "mlflow"}
