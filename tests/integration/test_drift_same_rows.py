"""A model and its candidate on the same month: every row is compared with itself, and nothing is the data's."""

from __future__ import annotations

import shutil
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

import ig_tasks
from ig_tasks.spec import load_spec

pytestmark = pytest.mark.usefixtures("undrawn")

FEATURES = ("a", "b", "kind")
DAYS = 15


def rows_of(uri: str) -> pd.DataFrame:
    return pd.concat([pq.read_table(file).to_pandas() for file in sorted(Path(uri).glob("attributions/*.parquet"))])


@pytest.fixture(scope="module", params=[True, False], ids=["days", "rows"])
def compared(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The rows of both runs, and the comparison: with days as clusters, and with rows that stand for themselves."""
    root = tmp_path_factory.mktemp("same")
    data = {"uri": "../../data", "partition": "month", "id": "id", **({"cluster": "day"} if request.param else {})}
    grouped = {"a": {"group": "numbers"}, "b": {"group": "numbers"}}
    spec = write_project(root, data=data, features=grouped, drift="none")
    draw = np.random.default_rng(3)
    frame = table(300, 1)
    write_data(root / "data", {"2013-01": frame.assign(day=[f"{day:02d}" for day in draw.integers(0, DAYS, 300)])})
    folder = write_package(root / "include" / "models" / "second")
    weights = load_file(folder / "weights.safetensors")
    weights["hidden.weight"][:, 0] *= 1.6
    save_file(weights, folder / "weights.safetensors")
    with inline() as session:
        uris = [
            str(all_stages(load_spec(spec, settings={"partition": "2013-01", "model": model}), session).run_uri)
            for model in ("../models/tiny", "../models/second")
        ]
    drift = ig_tasks.compare(*uris, trusted_root=root, rows=100)
    return root, uris, [rows_of(uri) for uri in uris], drift


def error_of(changes: np.ndarray, rows: pd.DataFrame) -> float:
    by = rows["cluster"].to_numpy() if "cluster" in rows else np.arange(len(rows))
    residuals = pd.Series(changes - changes.mean()).groupby(by).sum()
    count = len(residuals)
    return float(np.sqrt(count / (count - 1) * (residuals**2).sum()) / len(changes))


def test_errors_are_those_of_pairs_of_rows(compared: Any) -> None:
    _, _, (first, second), drift = compared
    assert list(first["row_id"]) == list(second["row_id"])
    freedom = (first["cluster"].nunique() if "cluster" in first else len(first)) - 1
    sets = {**{name: [name] for name in FEATURES}, "numbers": ["a", "b"]}
    found = {row.feature: row for row in (*drift.features, *drift.groups)}
    assert set(found) == set(sets)
    for name, members in sets.items():
        before, after = (
            np.abs(side[[f"attribution:{one}" for one in members]].sum(axis=1).to_numpy()) for side in (first, second)
        )
        half = stats.t.ppf(0.975, freedom) * error_of(after - before, first)
        change = after.mean() - before.mean()
        row = found[name]
        assert row.change == pytest.approx(change, rel=1e-9)
        assert row.change_ci == pytest.approx((change - half, change + half), rel=1e-8)
        # Of independent periods it would be wider.
        apart = np.hypot(error_of(before, first), error_of(after, second))
        assert error_of(after - before, first) < 0.8 * apart


def test_all_of_the_change_is_the_models_to_the_last_digit(compared: Any) -> None:
    drift = compared[3]
    assert (drift.model_changed, drift.baseline_changed) == (True, False)
    for row in (*drift.features, *drift.groups):
        parts = {name: part.value for name, part in row.parts.items()}
        assert parts.pop("model") == pytest.approx(row.relative, rel=1e-12)
        assert set(parts.values()) == {0.0}
        assert row.cause == (("model",) if row.state in ("changed", "small") else ())
    rows = {row.feature: row for row in drift.features}
    assert rows["a"].state == "changed"


def test_it_is_the_model_even_where_the_earlier_one_is_gone(compared: Any) -> None:
    root, uris, _, drift = compared
    package = root / "include" / "models" / "tiny"
    for place in (package, root / "runs" / "tiny" / "packages"):
        shutil.move(place, place.with_name(f"{place.name}-away"))
    try:
        without = ig_tasks.compare(*uris, trusted_root=root, rows=90)
    finally:
        for place in (package, root / "runs" / "tiny" / "packages"):
            shutil.move(place.with_name(f"{place.name}-away"), place)
    assert not [note for note in without.notes if "not told apart" in note]
    for row, whole in zip(without.features, drift.features, strict=True):
        assert (row.feature, row.state, row.cause) == (whole.feature, whole.state, whole.cause)
        assert row.row_cosine is None


def test_a_run_beside_itself_is_unchanged(compared: Any) -> None:
    uris = compared[1]
    drift = ig_tasks.compare(uris[0], uris[0])
    assert {row.state for row in drift.features} == {"unchanged"}
    assert {row.change_ci for row in drift.features} == {(0.0, 0.0)}
    assert not drift.alarms
