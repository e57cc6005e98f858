"""Reports in other systems' formats: read back, they hold the report's own figures."""

from __future__ import annotations

import csv
import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
import scipy.stats
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from ig_tasks.errors import InputError
from ig_tasks.reports.exporters import FORMATS, export_text
from ig_tasks.reports.exporters.mlflow_run import _metrics
from ig_tasks.reports.exporters.summaries import quoted
from ig_tasks.store.report import Interpretability, Report
from ig_tasks.store.report_quality import Quality


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


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_every_sign_that_begins_a_formula_is_quoted(first: str) -> None:
    assert quoted(f"{first}1+2") == f"'{first}1+2"
    assert quoted("1+2") == "1+2"


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


QUALITY = Quality(
    target="late", label="was_late", kind="binary", space="probability", rows=1000, rows_unknown=0, clusters=20,
    loss_name="log loss", loss=0.4, loss_se=0.01, base_loss=0.6, auc=0.99, auc_se=0.01, auc_bound=0.0005,
    accuracy=0.85, accuracy_se=0.02, brier=0.12, sentence="Of pairs, 99% are ordered rightly (AUC 0.990).",
)  # fmt: skip


def test_cyclonedx_and_the_model_card_hold_the_model_s_quality_with_its_intervals(report: Report) -> None:
    known = report.model_copy(update={"quality": (QUALITY,)})
    text = exported(known, "cyclonedx")
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(text) is None
    card = json.loads(text)["metadata"]["component"]["modelCard"]
    metrics = {metric["type"]: metric for metric in card["quantitativeAnalysis"]["performanceMetrics"][:4]}
    assert list(metrics) == ["AUC", "log loss", "accuracy", "Brier score"]
    assert {metric["slice"] for metric in metrics.values()} == {f"late, {report.partition}"}
    assert [float(metric["value"]) for metric in metrics.values()] == [0.99, 0.4, 0.85, 0.12]
    half = scipy.stats.norm.ppf(0.975)
    ends = {"AUC": (0.99 - 0.01 * half - 0.0005, 1.0), "log loss": (0.4 - 0.01 * half, 0.4 + 0.01 * half),
            "accuracy": (0.85 - 0.02 * half, 0.85 + 0.02 * half)}  # fmt: skip
    for name, wanted in ends.items():
        held = metrics[name]["confidenceInterval"]
        assert (float(held["lowerBound"]), float(held["upperBound"])) == pytest.approx(wanted, abs=1e-12)
    assert "confidenceInterval" not in metrics["Brier score"]
    section = exported(known, "model-card")
    assert "### How good the model was\n\nOf pairs, 99% are ordered rightly \\(AUC 0\\.990\\)\\.\n" in section
    assert "| AUC | 0.9900 | 0.9699 to 1.000 |\n| log loss | 0.4000 | 0.3804 to 0.4196 |" in section
    assert "| Brier score | 0.1200 |  |" in section
    assert "Over 1,000 rows whose outcome in was\\_late is known, in 20 clusters." in section
    assert "How good" not in exported(report, "model-card")


def test_mlflow_s_metrics_hold_the_model_s_quality_and_the_score_by_names_that_it_takes(report: Report) -> None:
    squared = QUALITY.model_copy(update={"loss_name": "squared error", "mae": 0.3, "r2": 0.5, "rmse": 0.6})
    score = Interpretability(score=0.9, coverage=1.0, convergence=1.0, baseline_stability=0.9)
    known = report.model_copy(update={"quality": (squared,), "interpretability": score})
    more = dict(_metrics(known))
    less = dict(_metrics(report.model_copy(update={"interpretability": None})))
    assert {name: value for name, value in more.items() if name not in less} == {
        "quality/auc": 0.99, "quality/mean_squared_error": 0.4, "quality/accuracy": 0.85, "quality/brier_score": 0.12,
        "quality/rmse": 0.6, "quality/mae": 0.3, "quality/r2": 0.5, "interpretability_score": 0.9,
    }  # fmt: skip
    assert less == {name: value for name, value in more.items() if name in less}


def test_outcomes_that_are_not_known_yet_have_no_figures(report: Report) -> None:
    words = "No outcome is known yet."
    unknown = Quality(
        target="late", label="y", kind="binary", space="probability", rows=0, rows_unknown=9, sentence=words
    )
    known = report.model_copy(update={"quality": (unknown,)})
    assert "### How good the model was\n\nNo outcome is known yet" in exported(known, "model-card")
    assert "| figure |" not in exported(known, "model-card")
    assert exported(known, "cyclonedx") == exported(report, "cyclonedx")


def test_a_format_that_there_is_not_is_one_line(report: Report) -> None:
    with pytest.raises(InputError, match=r"format: 'vertx' is not a format; did you mean 'vertex'"):
        exported(report, "vertx")
    assert set(FORMATS) == {"csv", "michelangelo", "clarify", "vertex", "shap", "model-card", "cyclonedx", "mlflow"}
