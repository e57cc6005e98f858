"""What a report found, in sentences: each says what the report's figures say."""

from __future__ import annotations

import math
from types import SimpleNamespace

from ig_tasks.reports.findings import findings
from ig_tasks.reports.glossary import glossary
from ig_tasks.reports.page import render_page
from ig_tasks.reports.quality_view import calibration_charts


def said(report: object) -> dict[str, str]:
    return {one.about: one.words.replace("\u00a0", " ") for one in findings(report)}


def importance(sample: SimpleNamespace, sizes: dict[str, float], ranks: dict[str, tuple[int, int]] | None = None):
    rows = []
    for place, (name, size) in enumerate(sizes.items(), start=1):
        row = sample.flights_body()["importance"][0]
        interval = (ranks or {}).get(name, (place, place))
        rows.append(row | {"feature": name, "abs_mean": size, "rank": place, "rank_ci": interval})
    return rows


def test_the_leader_is_named_with_its_share_its_lead_and_those_after_it(sample: SimpleNamespace) -> None:
    rows = importance(sample, {"dep_delay": 6.0, "tailnum": 2.0, "dest": 1.5, "carrier": 0.5})
    assert said(sample.flights_report(**sample.BARE, importance=rows))["What leads"] == (
        "Departure delay moves the output by 6.00 (log-odds) on average, 60.0 % of all importance, 3.0 times as much "
        "as Aircraft, the second. After it: Aircraft (20.0 %), Destination (15.0 %) and Carrier (5.0 %)."
    )


def test_a_lead_that_is_not_settled_is_not_claimed(sample: SimpleNamespace) -> None:
    rows = importance(sample, {"dep_delay": 2.0, "tailnum": 1.9, "dest": 0.1}, {"dep_delay": (1, 2), "tailnum": (1, 2)})
    words = said(sample.flights_report(**sample.BARE, importance=rows))["What leads"]
    assert "It is not settled that it leads: Aircraft may be as important." in words
    assert "times as much" not in words


def test_the_probability_stands_beside_log_odds(sample: SimpleNamespace) -> None:
    rows = importance(sample, {"dep_delay": math.log(4)})
    baseline = sample.flights_body()["baseline"] | {"output_probability": 0.5}
    words = said(sample.flights_report(**sample.BARE, importance=rows, baseline=baseline))["What leads"]
    assert words.endswith(
        "From the baseline's probability of 50.0 %, a step of this size leads up to 80.0 % or down to 20.0 %."
    )


def test_few_features_of_many_that_make_up_the_importance_are_counted(sample: SimpleNamespace) -> None:
    rows = importance(sample, {"dep_delay": 8.0, "tailnum": 1.5, **{f"f{place}": 0.1 for place in range(5)}})
    words = said(sample.flights_report(**sample.BARE, importance=rows))["What leads"]
    assert "2 features of 7 make up 90 % of the importance." in words


def test_objections_verdicts_rows_and_unknown_values_are_findings(sample: SimpleNamespace) -> None:
    body = sample.flights_body()
    outlier = {"target": "late", "feature": "distance", "row_id": "r7", "attribution": 4.0, "share": 0.6,
               "abs_mean_without": 0.1}  # fmt: skip
    verdict = {"feature": "seats", "verdict": "ignored", "why": "It hardly matters."}
    against = {**verdict, "verdict": "against_sign", "why": "It goes the wrong way.", "severity": "warning"}
    unknown = {"cells": 100, "missing": 0, "unknown": 40, "feature": "carrier", "share": 0.4, "at_most": 0.05}
    report = sample.flights_report(
        **sample.BARE,
        baseline=body["baseline"] | {"objections": [{"kind": "sure", "words": "it is far from neutral"}]},
        outliers=[outlier],
        outliers_within=[outlier | {"group": "weather", "feature": "weather"}],
        verdicts=[verdict, against],
        data=body["data"] | {"unknown": [unknown]},
    )
    words = said(report)
    assert words["Against the baseline (auto)"] == "It is far from neutral."
    assert words["Single features"] == "It goes the wrong way. 1 note on single features (ignored)."
    assert words["Single rows"].endswith("Within segments and groups 1 importance hangs on one row.")
    assert words["Unknown to the model"] == "The model does not know the value of Carrier in 40.0 % of the rows."
    assert [one.about for one in findings(report) if one.asks] == [
        "Single features", "Against the baseline (auto)", "Single rows", "Unknown to the model",
    ]  # fmt: skip
    terms = dict(glossary(report))
    assert {"Against sign", "Ignored", "Unknown", "Log-odds"} <= set(terms)
    assert not {"Opposing", "Alarm", "Segment"} & set(terms)


def test_a_hundredth_of_the_rows_that_carries_much_is_said(sample: SimpleNamespace) -> None:
    spread = {"target": "late", "feature": "dep_delay", "quantiles": [], "trimmed_abs_mean": 1.0, "tail_share": 0.4}
    words = said(sample.flights_report(**sample.BARE | {"distributions": [spread]}))
    assert words["Few rows"] == (
        "The hundredth of the rows with the greatest attributions carries 40.0 % of the importance of Departure delay."
    )
    assert "Few rows" not in said(sample.flights_report(**sample.BARE))


def test_a_report_without_any_importance_has_no_leader(sample: SimpleNamespace) -> None:
    assert findings(sample.flights_report(**sample.BARE, importance=[])) == ()


QUALITY = {
    "target": "late", "label": "arrived_late", "kind": "binary", "space": "probability", "rows": 300,
    "rows_unknown": 0, "auc": 0.9, "sentence": "It ordered nine of ten pairs rightly.",
    "calibration": [{"rows": 100, "predicted": 0.1 * place, "observed": 0.08 * place} for place in range(1, 4)],
}  # fmt: skip


def test_the_models_quality_is_a_finding_and_its_calibration_a_chart(sample: SimpleNamespace) -> None:
    report = sample.flights_report(**sample.BARE, quality=[QUALITY])
    assert said(report)["How good the model was"] == "It ordered nine of ten pairs rightly."
    (chart,) = calibration_charts(report)
    assert [row["observed"] for row in chart.table] == [0.08, 0.16, 0.24]
    page = render_page(report)
    assert "Points: predicted against observed in 3 parts of the rows" in page
    assert '<a href="#quality-1">How good the model was</a>' in page
    bare = sample.flights_report(**sample.BARE, quality=[QUALITY | {"calibration": []}])
    assert calibration_charts(bare) == (None,)
