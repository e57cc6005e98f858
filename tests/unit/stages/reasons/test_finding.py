"""Adverse rows and their reasons, of tables whose attributions are those of a linear model: w (x - b)."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ig_tasks.errors import DataError, InputError, SpecError, UserError
from ig_tasks.models.target_config import Target, TargetConfig
from ig_tasks.reports.reasons.reason_files import COLUMNS, ReasonFiles, csv_text
from ig_tasks.spec import load_spec
from ig_tasks.stages.reasons.finding import AdverseRow, ReasonedRun
from ig_tasks.stages.reasons.rules import ReasonRules

FEATURES = ("income", "debt", "age", "years", "cards")
WEIGHTS = np.array([-1.0, 2.0, 0.5, -0.25, 0.125])
"""Higher outputs are worse: debt and cards raise the risk, income and years lower it."""
ROWS = np.array(
    [
        [-2.0, 1.0, 1.0, -1.0, 1.0],  # all five push up: 2, 2, 0.5, 0.25, 0.125
        [1.0, 1.0, 1.0, 1.0, 1.0],  # -1, 2, 0.5, -0.25, 0.125
        [3.0, 0.5, 0.0, 0.0, 0.0],  # a good one: -3 + 1
        [0.0, 1.0, -1.0, 0.0, 0.0],  # 2 and -0.5
    ]
)
ATTRIBUTIONS = ROWS * WEIGHTS
LOGIT = Target("default", TargetConfig(space="logit"), "logit")
SMALLEST: dict[str, Any] = {"version": 1, "name": "x", "model": "/m", "data": "/d"}


def rules(features: Any = None, target: Target = LOGIT, **asked: Any) -> ReasonRules:
    reasons = {"threshold": 0.0, "adverse": "above", **asked}
    spec = load_spec({**SMALLEST, "reasons": reasons, "features": features or {}})
    assert spec.reasons is not None
    return ReasonRules.of(spec.reasons, spec, FEATURES, target)


def table(status: list[str] | None = None, error: float = 0.0, **more: Any) -> pa.Table:
    output = ATTRIBUTIONS.sum(axis=1)
    return pa.table(
        {
            "row_id": [f"={place}" for place in range(len(output))],
            "target": ["default"] * len(output),
            "output": output,
            "baseline_output": np.zeros(len(output)),
            "convergence_delta": np.zeros(len(output)),
            "relative_delta": np.zeros(len(output)),
            "error_estimate": np.full(len(output), error),
            "status": status or ["converged"] * len(output),
            **{f"attribution:{name}": ATTRIBUTIONS[:, place] for place, name in enumerate(FEATURES)},
            **more,
        }
    )


def found(rules: ReasonRules, held: pa.Table | None = None, *, several: bool = False) -> list[AdverseRow]:
    run = ReasonedRun(None, (), rules, 2.0**-52, several, FEATURES)  # type: ignore[arg-type]
    return [row for _, row in run.placed_rows(table() if held is None else held)]


def names(row: AdverseRow) -> list[str]:
    return [reason.player.name for reason in row.reasons]


def test_reasons_of_a_linear_model_are_its_terms() -> None:
    first, second, last = found(rules())
    assert [row.row_id for row in (first, second, last)] == ["=0", "=1", "=3"]
    assert names(first) == ["income", "debt", "age", "years"]
    assert [reason.attribution for reason in first.reasons] == [2.0, 2.0, 0.5, 0.25]
    assert first.state == "certified"
    # Income and debt weigh the same: either may be the first, and both surely are among the four.
    assert [(reason.best, reason.worst) for reason in first.reasons] == [(1, 2), (1, 2), (3, 3), (4, 4)]
    # Fewer than four pushed up: the row lists fewer, and nothing that pushed down.
    assert names(second) == ["debt", "age", "cards"]
    assert names(last) == ["debt"]
    assert {row.state for row in (second, last)} == {"certified"}


def test_the_fourth_and_the_fifth_tie_where_the_error_estimate_reaches_across() -> None:
    """Sizes add up to 4.875: an estimate of 0.0129 is a bound of 0.0629, and twice that is more than 0.25 - 0.125."""
    (first, *_) = found(rules(), table(error=0.0129))
    assert first.state == "tied"
    assert [[rival.name for rival in reason.rivals] for reason in first.reasons] == [[], [], [], ["cards"]]
    assert first.reasons[3].bound == pytest.approx(0.0129 * 4.875, rel=1e-9)
    (first, *_) = found(rules(), table(error=0.0128))
    assert first.state == "certified"


def test_a_delta_that_is_larger_than_the_estimate_is_the_bound() -> None:
    (first, *_) = found(rules(), table(convergence_delta=np.full(4, -0.0629)))
    assert (first.state, first.reasons[0].bound) == ("tied", pytest.approx(0.0629))


def test_equal_terms_tie_in_the_last_place_that_is_listed() -> None:
    (first, *_) = found(rules(top=1))
    assert names(first) == ["income"]
    assert [rival.name for rival in first.reasons[0].rivals] == ["debt"]
    # Not by chance of the last bit: what is equal in truth stays a tie under rounding.
    nudged = table().set_column(9, "attribution:debt", pa.array(ATTRIBUTIONS[:, 1] * (1.0 - 2.0**-52)))
    assert found(rules(top=1), nudged)[0].state == "tied"


def test_adverse_below_turns_the_direction_around() -> None:
    (row,) = found(rules(adverse="below"))
    assert (row.row_id, names(row), row.reasons[0].attribution, row.reasons[0].push) == ("=2", ["income"], -3.0, 3.0)


def test_at_the_threshold_a_row_passes() -> None:
    output = float(ATTRIBUTIONS[3].sum())
    assert [row.row_id for row in found(rules(threshold=output))] == ["=0"]
    assert [row.row_id for row in found(rules(threshold=output, adverse="below"))] == ["=1", "=2"]


def test_a_threshold_in_probability() -> None:
    chance = 1.0 / (1.0 + np.exp(-2.0))
    assert [row.row_id for row in found(rules(threshold=chance, space="probability"))] == ["=0"]


def test_a_calibration_that_turns_the_output_around_turns_the_reasons_around() -> None:
    platt = {"method": "platt", "slope": -1.0, "intercept": 0.0}
    target = Target("default", TargetConfig(space="logit", calibration=platt), "logit")
    (row,) = found(rules(target=target, threshold=0.5, space="calibrated"))
    assert (row.row_id, names(row), row.reasons[0].attribution) == ("=2", ["income"], -3.0)


@pytest.mark.parametrize(("slope", "wanted"), [(-0.1, ["debt", "age"]), (0.1, ["income", "years"])])
def test_a_calibration_of_a_score_far_from_zero_gives_the_direction(slope: float, wanted: list[str]) -> None:
    """Between 0 and 1 such a calibration is 1 to the last digit, or 0; it turns over near 600."""
    platt = {"method": "platt", "slope": slope, "intercept": -600.0 * slope}
    target = Target("default", TargetConfig(space="score", calibration=platt), "score")
    held = rules(target=target, threshold=0.5, space="calibrated", adverse="below", top=2)
    pushes = np.array([0.0, 2.0, 1.0, 0.0, 0.0]) - np.array([2.0, 0.0, 0.0, 1.0, 0.0])
    held_rows = table().to_pydict() | {"output": 600.0 - np.sign(slope) * np.arange(1.0, 5.0)}
    held_rows |= {f"attribution:{name}": np.full(4, push) for name, push in zip(FEATURES, pushes, strict=True)}
    assert [names(row) for row in found(held, pa.table(held_rows))] == [wanted] * 4


def test_every_conversion_between_spaces_has_its_direction() -> None:
    up = {"method": "platt", "slope": 2.0, "intercept": 3.0, "of": "logit"}
    down = {**up, "slope": -2.0}
    steps = {"method": "isotonic", "of": "probability", "x": [0.8, 0.81], "y": [0.2, 0.9]}
    for calibration, source, wanted, sign in [
        (up, "logit", "calibrated", 1), (down, "logit", "calibrated", -1), (down, "calibrated", "logit", -1),
        (up, "calibrated", "probability", 1), (down, "probability", "calibrated", -1), (down, "margin", "logit", -1),
        (down, "margin", "calibrated", 1), (steps, "logit", "calibrated", 1), (steps, "probability", "margin", 1),
    ]:  # fmt: skip
        target = Target("default", TargetConfig(space="logit", calibration=calibration, threshold=0.6), source)
        threshold = 0.0 if wanted in ("logit", "margin") else 0.5
        assert rules(target=target, threshold=threshold, space=wanted).sign == sign, (calibration, source, wanted)


def test_a_group_is_the_sum_of_what_its_features_did() -> None:
    """Of the second row money is -1 + 2 = 1: one reason, not income against debt."""
    groups = {"income": {"group": "money"}, "debt": {"group": "money"}, "age": {"label": "Age"}}
    first, second, _ = found(rules(groups, by="groups", texts={"money": {"code": "M", "text": "Means"}}))
    assert names(first) == ["money", "age", "years", "cards"]
    assert (first.reasons[0].attribution, first.reasons[0].player.words) == (4.0, "Means")
    assert (first.reasons[1].player.words, first.reasons[1].player.text) == ("Age", "")
    assert [(reason.player.name, reason.attribution) for reason in second.reasons] == [
        ("money", 1.0), ("age", 0.5), ("cards", 0.125),
    ]  # fmt: skip


def test_rows_that_did_not_converge_have_no_reasons_and_are_counted() -> None:
    held = table(["max_evaluations", "unverified", "converged", "converged"], error=float("nan"))
    held = held.set_column(6, "error_estimate", pa.array([0.5, float("nan"), 0.0, 0.0]))
    rows = found(rules(), held)
    assert [(row.state, len(row.reasons)) for row in rows] == [
        ("max_evaluations", 0),
        ("unverified", 0),
        ("certified", 1),
    ]
    files = ReasonFiles(rows, rules(), 7)
    info = files.info
    assert (info.rows_adverse, info.rows_certified, info.rows_unconverged, info.rows_unverified) == (3, 1, 1, 1)
    assert (info.rows_quarantined, info.rows_fewer, info.tied_share) == (7, 1, 0.0)
    lines = pq.read_table(io.BytesIO(files.parquet)).to_pylist()
    assert [(line["row_id"], line["rank"]) for line in lines] == [("=0", None), ("=1", None), ("=3", 1)]


def test_the_size_that_an_estimate_is_relative_to_may_be_larger_than_the_features_say() -> None:
    """Pixels of one feature cancel in its sum: their errors need not."""
    (first, *_) = found(rules(), table(error=0.0128, attribution_size=[9.0] * 4), several=True)
    assert (first.state, first.reasons[0].bound) == ("tied", pytest.approx(0.0128 * 9.0))
    with pytest.raises(InputError, match="have no column attribution_size"):
        found(rules(), several=True)


def test_tables_say_every_reason_and_a_spreadsheet_takes_no_text_for_a_formula() -> None:
    asked = rules(texts={"debt": {"code": "D1", "text": "@Debt, too high"}}, top=2)
    rows = found(asked, table(error=0.0129))
    files = ReasonFiles(rows, asked)
    lines = pq.read_table(io.BytesIO(files.parquet)).to_pylist()
    assert tuple(lines[0]) == COLUMNS
    assert (lines[1]["row_id"], lines[1]["feature"], lines[1]["code"], lines[1]["text"]) == (
        "=0", "debt", "D1", "@Debt, too high",
    )  # fmt: skip
    assert (lines[0]["code"], lines[0]["text"]) == (None, None)  # never the nearest
    assert "".join(csv_text(rows, asked)).encode() == files.csv
    told = files.csv.decode().splitlines()
    assert told[0] == ",".join(COLUMNS)
    assert told[2].startswith("'=0,default,4.875,4.875,0.0,above,certified,2,debt,D1,\"'@Debt, too high\",2.0,")
    info = files.info
    assert [(one.name, one.rows, one.first) for one in info.reasons] == [
        ("debt", 3, 2),
        ("income", 1, 1),
        ("age", 1, 0),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"texts": {"dept": "x"}}, r"reasons\.texts\.dept: there is no such feature.*did you mean 'debt'"),
        ({"by": "groups"}, r"reasons\.by: there are no groups; give features a `group`"),
        ({"space": "probabilty"}, r"reasons\.space: target 'default': there is no space 'probabilty'; did you mean"),
        ({"space": "probability", "threshold": 30}, r"reasons\.threshold: 30 is not a probability between 0 and 1"),
        ({"adverse": "over"}, r"reasons\.adverse: input should be 'above' or 'below', not 'over'"),
        ({"top": 0}, r"reasons\.top: input should be greater than or equal to 1|reasons\.top: input should be greater"),
    ],
)
def test_what_does_not_fit_is_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        rules(**change)
    assert isinstance(caught.value, SpecError | DataError)


def test_a_population_on_the_adverse_side_is_refused() -> None:
    baseline = {"strategy": "reference_population", "cutoff": 0.0, "within": 1.0}
    reasons = {"threshold": 0.0, "adverse": "above"}
    with pytest.raises(SpecError, match=r"baseline\.side: the population lies above its cutoff.* write side: below"):
        load_spec({**SMALLEST, "baseline": baseline, "reasons": reasons})
    load_spec({**SMALLEST, "baseline": {**baseline, "side": "below"}, "reasons": reasons})
