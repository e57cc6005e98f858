"""Outcomes beside a run: how good the model was, judged against scikit-learn and closed forms."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import log_loss, r2_score, roc_auc_score
from support.inline import all_stages, inline
from support.labelled import EFFECTS, drawn_rows, logits, write_labelled, write_model

from ig_tasks import pipeline
from ig_tasks.errors import UserError
from ig_tasks.spec import load_spec
from ig_tasks.store import RunFolder
from ig_tasks.store.report import Quality, Report
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.quality.gains import with_gains

pytestmark = pytest.mark.usefixtures("undrawn")

WEIGHTS = {"a": 1.5, "b": -0.5, "noise": 0.05}
TRUTH = {"a": 1.2, "b": -0.5, "noise": 0.0}


@pytest.fixture(scope="module")
def session():
    with inline() as opened:
        yield opened


def report_of(spec: Path, session: Any, lines: list[str] | None = None, **settings: Any) -> Report:
    no_table = {"verdicts.unstable.rows": 0}  # of baselines, which says nothing of outcomes
    ref = all_stages(load_spec(spec, settings={"partition": "2013-01", **no_table, **settings}), session, lines)
    return Report.from_json(Path(ref["report_uri"]).read_bytes())


def quality_of(report: Report) -> Quality:
    (found,) = report.quality
    return found


def figures(report: Report) -> dict[str, float]:
    """Every number of a report's quality, by its path."""
    found: dict[str, float] = {}

    def gather(path: str, held: Any) -> None:
        if isinstance(held, dict):
            name = held.pop("feature", "")
            for key, value in held.items():
                gather(f"{path}{name}.{key}", value)
        elif isinstance(held, tuple | list):
            for place, value in enumerate(held):
                gather(f"{path}.{place}", value)
        elif isinstance(held, int | float):
            found[path] = held

    gather("", quality_of(report).model_dump())
    assert len(found) > 60
    return found


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    frame = drawn_rows(0, TRUTH)
    frame["late"] = frame["late"].where(np.arange(len(frame)) % 6 > 0).astype("Int64")
    return frame


@pytest.fixture(scope="module")
def spec(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_labelled(tmp_path_factory.mktemp("quality"), rows, WEIGHTS)


def test_figures_are_those_of_the_rows_whose_outcome_is_known(rows: pd.DataFrame, spec: Path, session: Any) -> None:
    lines: list[str] = []
    found = quality_of(report_of(spec, session, lines))
    known = rows[rows["late"].notna()]
    outcome, predicted = known["late"].to_numpy(float), expit(logits(known, WEIGHTS))
    assert (found.rows, found.rows_unknown, found.kind, found.space) == (500, 100, "binary", "probability")
    assert found.auc == pytest.approx(roc_auc_score(outcome, predicted), abs=1e-12)
    assert found.loss == pytest.approx(log_loss(outcome, predicted), rel=1e-6)
    assert found.accuracy == pytest.approx(((predicted > 0.5) == (outcome == 1)).mean())
    assert found.brier == pytest.approx(((predicted - outcome) ** 2).mean(), rel=1e-6)
    share = outcome.mean()
    assert found.base_loss == pytest.approx(-(share * np.log(share) + (1 - share) * np.log(1 - share)))
    assert any("the outcomes in late are known for 500 of 600 rows" in line for line in lines)


def test_errors_are_those_of_the_days(rows: pd.DataFrame, spec: Path, session: Any) -> None:
    found = quality_of(report_of(spec, session))
    known = rows[rows["late"].notna()]
    outcome, predicted = known["late"].to_numpy(float), expit(logits(known, WEIGHTS))
    loss = -np.log(np.where(outcome == 1, predicted, 1 - predicted))
    by_day = pd.Series(loss - loss.mean()).groupby(known["day"].to_numpy()).sum() / len(known)
    days = len(by_day)
    assert found.clusters == days == 20
    assert found.loss_se == pytest.approx(np.sqrt(days / (days - 1) * (by_day**2).sum()), rel=1e-6)
    # Of the AUC: a jackknife that leaves out a day at a time tells the same within its own error.
    day = known["day"].to_numpy()
    without = [roc_auc_score(outcome[day != one], predicted[day != one]) for one in by_day.index]
    jackknife = np.sqrt((days - 1) / days * ((np.array(without) - np.mean(without)) ** 2).sum())
    assert found.auc_se == pytest.approx(jackknife, rel=0.1)


def test_the_calibration_table_holds_every_row_once(rows: pd.DataFrame, spec: Path, session: Any) -> None:
    found = quality_of(report_of(spec, session))
    known = rows[rows["late"].notna()]
    outcome, predicted = known["late"].to_numpy(float), expit(logits(known, WEIGHTS))
    order = np.argsort(predicted)
    assert [part.rows for part in found.calibration] == [50] * 10
    for number, part in enumerate(found.calibration):
        tenth = order[50 * number : 50 * (number + 1)]
        assert part.predicted == pytest.approx(predicted[tenth].mean(), rel=1e-6)
        assert part.observed == pytest.approx(outcome[tenth].mean())


@pytest.mark.parametrize("shard_rows", [600, 90, 10])
def test_no_sharding_changes_the_quality(spec: Path, session: Any, shard_rows: int) -> None:
    exact = {"attribution.precision": "float64"}  # batches of another size round single numbers otherwise
    whole = figures(report_of(spec, session, **exact))
    cut = figures(report_of(spec, session, **exact, **{"compute.shard_rows": shard_rows}))
    assert cut == pytest.approx(whole, rel=1e-9, abs=1e-12)


def test_the_same_without_clusters_has_errors_of_rows(spec: Path, rows: pd.DataFrame, session: Any) -> None:
    found = quality_of(report_of(spec, session, **{"data.cluster": None}))
    known = rows[rows["late"].notna()]
    outcome, predicted = known["late"].to_numpy(float), expit(logits(known, WEIGHTS))
    loss = -np.log(np.where(outcome == 1, predicted, 1 - predicted))
    assert found.clusters == 0
    assert found.loss_se == pytest.approx(loss.std(ddof=1) / np.sqrt(len(loss)), rel=1e-6)


def test_labels_not_known_yet_are_said_and_no_error(rows: pd.DataFrame, session: Any, tmp_path: Path) -> None:
    for number, empty in enumerate((None, np.nan, pd.NA)):
        spec = write_labelled(tmp_path / str(number), rows.assign(late=empty), WEIGHTS)
        lines: list[str] = []
        found = quality_of(report_of(spec, session, lines))
        assert (found.known, found.rows_unknown, found.auc, found.loss) == (False, 600, None, None)
        assert found.sentence.startswith("Labels not known yet")
        assert any("the outcomes in late are not known yet" in line for line in lines)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("lat", r"data\.label: 'lat' is not a column .*late"),
        ("a", r"data\.label: column 'a' is read by model input 'numeric'"),
        ("kind", r"data\.label: column 'kind' is read by model input 'kind'"),
        ("id", r"data\.label: column 'id' is data\.id, too"),
        ("day", r"data\.label: column 'day' holds 'day-[0-9]+', and an outcome of target 'late' is 0 or 1"),
    ],
)
def test_what_cannot_be_an_outcome_is_said_before_anything_is_computed(
    spec: Path, session: Any, label: str, said: str
) -> None:
    with pytest.raises(UserError, match=f"^{said}") as caught:
        pipeline.load_model(load_spec(spec, settings={"data.label": label}), session=session, log=[].append)
    assert "\n" not in str(caught.value)


def test_a_number_has_an_error_and_a_share_of_variance(rows: pd.DataFrame, session: Any, tmp_path: Path) -> None:
    outcome = logits(rows, TRUTH) + np.random.default_rng(5).normal(size=len(rows))
    spec = write_labelled(tmp_path, rows.assign(late=outcome), WEIGHTS, targets={"late": {"space": "hours"}})
    found = quality_of(report_of(spec, session))
    predicted = logits(rows, WEIGHTS)
    assert (found.kind, found.space, found.rows, found.auc) == ("number", "hours", 600, None)
    assert found.rmse == pytest.approx(np.sqrt(((predicted - outcome) ** 2).mean()), rel=1e-6)
    assert found.mae == pytest.approx(np.abs(predicted - outcome).mean(), rel=1e-6)
    assert found.r2 == pytest.approx(r2_score(outcome, predicted), rel=1e-6)
    assert found.base_loss == pytest.approx(outcome.var())


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
@pytest.mark.parametrize("space", ["logit", "probability"])
def test_classes_have_an_accuracy_and_a_loss_over_all_of_them(
    rows: pd.DataFrame, session: Any, tmp_path: Path, framework: str, space: str
) -> None:
    weights = {"a": [1.0, 0.0, -1.0], "b": [0.0, 2.0, 0.5]}
    targets = {name: {"output": place, "space": "logit", "activation": "softmax"} for place, name in enumerate("xyz")}
    scores = sum(rows[name].to_numpy(float)[:, None] * np.array(weights[name]) for name in weights)
    shares = softmax(scores, axis=1)
    random = np.random.default_rng(3)
    classes = np.array([random.choice(3, p=row) for row in shares])
    # Named by their targets here, by number there.
    held = [None if row < 60 else ("xyz"[one] if framework == "torch" else str(one)) for row, one in enumerate(classes)]
    spec = write_labelled(
        tmp_path, rows.assign(late=held), weights, framework=framework, targets=targets,
        model={"uri": "../models/sum", "target": "y", "space": space},
    )  # fmt: skip
    found = quality_of(report_of(spec, session))
    known = slice(60, None)
    assert (found.kind, found.rows, found.rows_unknown) == ("class", 540, 60)
    assert found.accuracy == pytest.approx((shares.argmax(axis=1) == classes)[known].mean())
    assert found.loss == pytest.approx(log_loss(classes[known], shares[known]), rel=1e-5)
    assert found.auc == pytest.approx(roc_auc_score(classes[known] == 1, shares[known, 1]), abs=1e-6)
    part = np.bincount(classes[known]) / 540
    assert found.base_loss == pytest.approx(-(part * np.log(part)).sum())


def test_a_calibrated_target_is_judged_by_what_people_act_on(rows: pd.DataFrame, session: Any, tmp_path: Path) -> None:
    targets = {"late": {"space": "logit", "calibration": {"method": "platt", "slope": 0.5, "intercept": 0.3}}}
    spec = write_labelled(tmp_path, rows, WEIGHTS, targets=targets)
    found = quality_of(report_of(spec, session))
    known = rows[rows["late"].notna()]
    predicted = expit(0.5 * logits(known, WEIGHTS, EFFECTS) + 0.3)
    assert (found.space, found.loss) == (
        "calibrated", pytest.approx(log_loss(known["late"].to_numpy(float), predicted), rel=1e-6),
    )  # fmt: skip


def test_importance_is_told_apart_for_right_and_wrong_predictions(rows: pd.DataFrame, spec: Path, session: Any) -> None:
    report = report_of(spec, session)
    right = ((logits(rows, WEIGHTS) >= 0) == (rows["late"] == 1)).fillna(False).to_numpy(bool)
    known = rows["late"].notna().to_numpy()
    size = np.abs(WEIGHTS["a"] * (rows["a"] - rows["a"].median()).to_numpy(float))
    found = {row.segment: row for row in report.segments if row.feature == "a"}
    for level, held in (("right", right & known), ("wrong", ~right & known), ("not known", ~known)):
        row = found[f"correct={level}"]
        assert row.rows == held.sum()
        assert row.abs_mean == pytest.approx(size[held].mean(), rel=1e-5)


@pytest.mark.parametrize("late", [0, 1, True])
def test_outcomes_that_are_all_the_same_rank_nothing(
    rows: pd.DataFrame, session: Any, tmp_path: Path, late: int | bool
) -> None:
    found = quality_of(report_of(write_labelled(tmp_path, rows.assign(late=late), WEIGHTS), session))
    predicted = expit(logits(rows, WEIGHTS))
    assert (found.auc, found.auc_se, found.base_loss) == (None, None, 0.0)
    assert found.loss == pytest.approx(-np.log(predicted if late else 1 - predicted).mean(), rel=1e-6)
    assert found.sentence.endswith("have the same: ranking cannot be judged.")
    assert all(one.auc is None and one.share is None for one in found.gains)


@pytest.mark.parametrize(("classes", "which"), [("xz", "No"), ("y", "Every")])
def test_outcomes_without_the_class_explained_or_of_it_alone_rank_nothing(
    rows: pd.DataFrame, session: Any, tmp_path: Path, classes: str, which: str
) -> None:
    targets = {name: {"output": place, "space": "logit", "activation": "softmax"} for place, name in enumerate("xyz")}
    held = [classes[row % len(classes)] for row in range(len(rows))]
    spec = write_labelled(
        tmp_path, rows.assign(late=held), {"a": [1.0, 0.0, -1.0]}, targets=targets,
        model={"uri": "../models/sum", "target": "y"},
    )  # fmt: skip
    found = quality_of(report_of(spec, session))
    assert found.auc is None
    assert found.base_loss == pytest.approx(np.log(len(classes)))
    assert found.sentence == f"{which} row with an outcome in late is of the class explained: ranking cannot be judged."


@pytest.mark.parametrize("number", [0.1, 3.3, 1e6 + 0.1])
def test_numbers_that_are_all_the_same_have_no_variance_to_explain(
    rows: pd.DataFrame, session: Any, tmp_path: Path, number: float
) -> None:
    spec = write_labelled(tmp_path, rows.assign(late=number), WEIGHTS, targets={"late": {"space": "hours"}})
    for shard_rows in (600, 7):
        found = quality_of(report_of(spec, session, **{"compute.shard_rows": shard_rows}))
        assert (found.r2, found.base_loss) == (None, 0.0)
        assert found.rmse == pytest.approx(np.sqrt(((logits(rows, WEIGHTS) - number) ** 2).mean()), rel=1e-6)
        assert "the outcome is the same in every row" in found.sentence


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_the_quality_is_the_same_whichever_space_is_explained(
    rows: pd.DataFrame, session: Any, tmp_path: Path, framework: str
) -> None:
    """In single precision a probability is 1 from a logit of 17 on: 36 nats where it is wrong, and ties."""
    steep = {"a": 10.0, "b": -0.5, "noise": 0.05}
    known = rows[rows["late"].notna()]
    outcome, logit = known["late"].to_numpy(float), logits(known, steep)
    assert (logit > 17).sum() > 10
    calibration = {"method": "temperature", "temperature": 1.0}
    for number, space in enumerate(("logit", "probability", "margin", "calibrated")):
        targets = {"late": {"space": "logit", "threshold": 0.5}}
        targets["late"] |= {"calibration": calibration} if space == "calibrated" else {}
        spec = write_labelled(
            tmp_path / str(number), rows, steep, framework=framework, targets=targets,
            model={"uri": "../models/sum", "space": space},
        )  # fmt: skip
        found = quality_of(report_of(spec, session))
        assert found.auc == pytest.approx(roc_auc_score(outcome, logit), abs=1e-12)
        expected = np.minimum(np.logaddexp(0, logit) - outcome * logit, -np.log(np.finfo(float).eps)).mean()
        assert found.loss == pytest.approx(expected, rel=1e-5)


def test_a_segment_of_the_name_of_right_predictions_is_refused(
    rows: pd.DataFrame, session: Any, tmp_path: Path
) -> None:
    spec = write_labelled(tmp_path, rows.assign(correct="x"), WEIGHTS, data={"segments": ["correct"]})
    with pytest.raises(UserError, match=r"^data\.segments: 'correct' is the segment of rows that were predicted"):
        pipeline.load_model(load_spec(spec, settings={"partition": "2013-01"}), session=session, log=[].append)


def test_a_class_that_the_model_has_no_column_for_is_refused_before_anything_is_computed(
    rows: pd.DataFrame, session: Any, tmp_path: Path
) -> None:
    frame = rows.head(60).assign(late=[3, *[place % 3 for place in range(59)]])
    weights = {"a": [1.0, 0.0, -1.0], "b": [0.0, 0.5, 0.0], "noise": [0.0, 0.0, 0.0]}
    targets = {"x": {"output": 0, "space": "logit", "activation": "softmax"}}
    spec = load_spec(write_labelled(tmp_path, frame, weights, targets=targets), settings={"partition": "2013-01"})
    with pytest.raises(UserError, match="column 'late' holds class 3, and the model has 3: 0 to 2; number classes"):
        pipeline.load_model(spec, session=session, log=lambda line: None)
    assert not list((tmp_path / "runs").glob("sum/2013-01-*"))


def test_a_model_that_was_replaced_in_place_is_ablated_by_the_package_that_was_kept(
    rows: pd.DataFrame, session: Any, tmp_path: Path
) -> None:
    path = write_labelled(tmp_path, rows.head(200), WEIGHTS)
    spec = load_spec(path, settings={"partition": "2013-01", "verdicts": {"unstable": {"rows": 0}}})
    found = quality_of(report_of(path, session, verdicts={"unstable": {"rows": 0}}))
    assert len(found.gains) == 4
    write_model(tmp_path / "include" / "models" / "sum", dict.fromkeys(WEIGHTS, 3.0))
    shutil.rmtree(tmp_path / "runs" / "sum" / "crossed")
    (folder,) = (tmp_path / "runs" / "sum").glob("2013-01-*")
    run = Period.open(RunFolder(str(folder), "sum", folder.name))
    bare = found.model_copy(update={"gains": (), "ablation_rows": None})
    again = with_gains(bare, run, spec, session=session, say=lambda line: None)
    assert again.ablation_why_not == found.ablation_why_not
    assert {one.feature: one.gain for one in again.gains} == {one.feature: one.gain for one in found.gains}
