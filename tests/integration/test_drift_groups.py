"""Groups of features in `ig-tasks diff --json`: every figure is computed anew from the stored rows alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file
from scipy import stats
from support.inline import all_stages, inline
from support.tiny import table, write_data, write_package, write_project

from ig_tasks import cli
from ig_tasks.spec import load_spec

pytestmark = pytest.mark.usefixtures("undrawn")

MONTHS = ("2013-01", "2013-02")
MODELS = ("tiny", "second")
GROUPS = {"numbers": ("a", "b"), "words": ("kind",)}
DAYS = 12


def month(rows: int, seed: int) -> pd.DataFrame:
    """Rows of days that differ in their level and in their length."""
    draw = np.random.default_rng(seed)
    frame = table(rows, seed)
    day = draw.choice(DAYS, size=rows, p=np.arange(1, DAYS + 1) / (DAYS * (DAYS + 1) / 2))
    level = draw.normal(scale=0.7, size=DAYS)
    return frame.assign(day=[f"{seed}-{number:02d}" for number in day], a=frame["a"] + level[day] + 0.4 * seed)


@pytest.fixture(scope="module")
def rows_of(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store with two months by two models, and the rows (model, month) of each model on each month."""
    root = tmp_path_factory.mktemp("groups")
    named = {name: {"group": group} for group, members in GROUPS.items() for name in members}
    data = {"uri": "../../data", "partition": "month", "id": "id", "cluster": "day"}
    spec = write_project(root, features=named, data=data, drift="previous")
    write_data(root / "data", {name: month(240 - 60 * place, place + 1) for place, name in enumerate(MONTHS)})
    folder = write_package(root / "include" / "models" / "second")
    weights = load_file(folder / "weights.safetensors")
    weights["hidden.weight"][:, 1] *= 0.3
    weights["hidden.weight"][:, 2:] *= 1.7
    save_file(weights, folder / "weights.safetensors")
    found = {}
    with inline() as session:
        for model in MODELS:
            for name in MONTHS:
                # Each model explains each month in a store of its own; the comparison itself sees two of the four.
                own = (model, name) in zip(MODELS, MONTHS, strict=True)
                store = root / "runs" if own else root / f"{model}-{name}"
                settings = {"partition": name, "model": f"../models/{model}", "drift": "none", "store": str(store)}
                uri = all_stages(load_spec(spec, settings=settings), session).run_uri
                shards = sorted(Path(str(uri)).glob("attributions/*.parquet"))
                found[model, name] = pd.concat([pq.read_table(file).to_pandas() for file in shards])
    options = ["--trusted-root", str(root), "--json", str(root / "drift.json")]
    assert cli._run(["diff", f"{root}/runs/tiny@{MONTHS[0]}", f"{root}/runs/tiny@{MONTHS[1]}", *options]) == 0
    return found, json.loads((root / "drift.json").read_text())


def signed(frame: pd.DataFrame, group: str) -> np.ndarray:
    """What a group's features add up to in each row."""
    return np.asarray(frame[[f"attribution:{name}" for name in GROUPS[group]]].sum(axis=1).to_numpy())


def cluster_error(values: np.ndarray, days: pd.Series) -> float:
    """s^2 = G / (G - 1) sum e_g^2 / n^2, e_g the residuals of a day."""
    residuals = pd.Series(values - values.mean()).groupby(days.to_numpy()).sum()
    count = len(residuals)
    return float(np.sqrt(count / (count - 1) * (residuals**2).sum()) / len(values))


def expected_of(rows: dict[tuple[str, str], pd.DataFrame], group: str) -> dict[str, Any]:
    first, second = rows["tiny", MONTHS[0]], rows["second", MONTHS[1]]
    before, after = np.abs(signed(first, group)), np.abs(signed(second, group))
    middle, change = (before.mean() + after.mean()) / 2, after.mean() - before.mean()
    error = float(np.hypot(cluster_error(before, first["cluster"]), cluster_error(after, second["cluster"])))
    freedom = min(first["cluster"].nunique(), second["cluster"].nunique()) - 1
    grown, errors, both = [], [], []
    for name in MONTHS:
        old, new = (signed(rows[model, name], group) for model in MODELS)
        assert list(rows["tiny", name]["row_id"]) == list(rows["second", name]["row_id"])
        difference = np.abs(new) - np.abs(old)
        grown.append(difference.mean())
        errors.append(cluster_error(difference, rows["tiny", name]["cluster"]))
        both.append((old, new))
    model, model_error = np.mean(grown), np.hypot(*errors) / 2
    old, new = (np.concatenate([pair[side] for pair in both]) for side in (0, 1))
    return {
        "before": before.mean(),
        "after": after.mean(),
        "change": change,
        "change_ci": [change - stats.t.ppf(0.975, freedom) * error, change + stats.t.ppf(0.975, freedom) * error],
        "relative": change / middle,
        "p": 2 * stats.t.sf(abs(change) / error, freedom),
        "parts": {
            "model": {"value": model / middle, "se": model_error / middle},
            "data": {"value": (change - model) / middle, "se": np.hypot(error, model_error) / middle},
        },
        "mean_before": signed(first, group).mean(),
        "mean_after": signed(second, group).mean(),
        "row_cosine": (old * new).sum() / np.sqrt((old**2).sum() * (new**2).sum()),
        "middle": middle,
    }


def test_every_figure_of_a_group_is_that_of_the_stored_rows(rows_of: Any) -> None:
    rows, document = rows_of
    expected = {group: expected_of(rows, group) for group in GROUPS}
    adjusted = stats.false_discovery_control([one["p"] for one in expected.values()], method="bh")
    found = {row["feature"]: row for row in document["groups"]}
    assert set(found) == set(GROUPS)
    for (group, one), q in zip(expected.items(), adjusted, strict=True):
        row = found[group]
        for field in ("before", "after", "change", "change_ci", "relative", "mean_before", "mean_after"):
            assert row[field] == pytest.approx(one[field], rel=1e-9), (group, field)
        assert row["q_value"] == pytest.approx(q, rel=1e-9)
        assert row["row_cosine"] == pytest.approx(one["row_cosine"], rel=1e-5)
        assert set(row["parts"]) == {"model", "data"}
        for name, part in one["parts"].items():
            # Crossed runs are runs of their own: their rows repeat the stored ones to the last bits of float32.
            assert row["parts"][name]["value"] == pytest.approx(part["value"], rel=1e-5, abs=1e-6), (group, name)
            assert row["parts"][name]["se"] == pytest.approx(part["se"], rel=1e-4), (group, name)
        assert sum(part["value"] for part in row["parts"].values()) == pytest.approx(row["relative"], abs=1e-9)
        assert (row["target"], row["segment"], row["group"], row["others"]) == ("late", None, None, [])
    order = sorted(GROUPS, key=lambda group: -expected[group]["after"])
    assert [found[group]["rank_after"] for group in order] == [1, 2]
    assert [row["feature"] for row in document["groups"]] == order


def test_states_causes_and_alarms_of_groups_follow_from_their_figures(rows_of: Any) -> None:
    rows, document = rows_of
    expected = {group: expected_of(rows, group) for group in GROUPS}
    total = sum(one["middle"] for one in expected.values())
    for row in document["groups"]:
        one = expected[row["feature"]]
        real = row["q_value"] < 0.05 and abs(one["relative"]) >= 0.10
        assert (row["state"] in ("changed", "small")) == real
        if row["state"] == "changed":
            assert abs(one["change"]) >= 0.01 * total
            largest = max(abs(part["value"]) for part in one["parts"].values())
            causes = [
                name
                for name, part in sorted(one["parts"].items(), key=lambda item: -abs(item[1]["value"]))
                if abs(part["value"]) >= largest / 3 and abs(part["value"]) > 2 * part["se"]
            ]
            assert row["cause"] == causes
            # Trainings on the same data differ in groups by less than twice the practical change.
            if abs(one["relative"]) >= 0.20:
                assert row["alarm"]
        assert row["sentence"].startswith(row["feature"])
    assert "changed" in {row["state"] for row in document["groups"]}


def test_a_group_is_the_sum_within_rows_and_not_of_its_features_importances(rows_of: Any) -> None:
    _, document = rows_of
    features = {row["feature"]: row for row in document["features"]}
    numbers = next(row for row in document["groups"] if row["feature"] == "numbers")
    assert numbers["before"] < 0.99 * (features["a"]["before"] + features["b"]["before"])
    words = next(row for row in document["groups"] if row["feature"] == "words")
    for field in ("before", "after", "change", "mean_before", "mean_after"):
        assert words[field] == pytest.approx(features["kind"][field], rel=1e-9)
    assert {row["feature"]: row["group"] for row in document["features"]} == {
        "a": "numbers", "b": "numbers", "kind": "words",
    }  # fmt: skip
