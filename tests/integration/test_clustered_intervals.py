"""Intervals of a report are made of clusters of rows: of features, groups and segments, in any sharding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from scipy.stats import t
from support.inline import all_stages, inline
from support.tiny import table, write_project

from ig_tasks.spec import load_spec
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.store import Store
from ig_tasks.store.report import Report

pytestmark = pytest.mark.usefixtures("undrawn")

ROWS, SHARDS = 448, {448: 1, 64: 7, 7: 64}


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    with inline() as opened:
        yield opened


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month of twelve days of unequal length, each with a level of its own."""
    path = write_project(tmp_path_factory.mktemp("clusters"))
    draw = np.random.default_rng(5)
    frame = table(ROWS, 3)
    frame["day"] = draw.choice(12, ROWS, p=draw.dirichlet(np.full(12, 4.0)))
    frame["b"] += draw.normal(0, 3, 12)[frame["day"]]
    frame.to_parquet(path.parents[2] / "data" / "month=2013-01" / "part-0.parquet", index=False)
    document = yaml.safe_load(path.read_text())
    document["data"]["cluster"] = "day"
    document["attribution"] = {"precision": "float64"}  # single precision depends on a batch's length by 1e-8
    document["features"] = {"a": {"group": "both"}, "kind": {"group": "both"}}
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def report(spec: Path, session: Any, tmp_path: Path, shard_rows: int, name: str = "report.json") -> Report:
    settings = {"partition": "2013-01", "store": str(tmp_path), "compute": {"workers": 1, "shard_rows": shard_rows}}
    ref = all_stages(load_spec(spec, settings=settings), session)
    return Report.from_json((Path(ref.run_uri) / name).read_bytes())


def expected(sizes: pd.Series, days: pd.Series) -> tuple[float, float]:
    """Leave out one day after the other; degrees of freedom by the covariances of the days' residuals."""
    names, n = np.unique(days, return_counts=True)
    left = np.array([sizes[days != day].mean() for day in names])
    error = np.sqrt((len(n) - 1) / len(n) * ((left - sizes.mean()) ** 2).sum())
    residuals = np.eye(len(n)) - n / n.sum()
    form = np.outer(n, n) / np.outer(n.sum() - n, n.sum() - n) * ((residuals / n) @ residuals.T)
    half = t.ppf(0.975, np.trace(form) ** 2 / (form**2).sum()) * error
    return max(sizes.mean() - half, 0.0), sizes.mean() + half


def test_intervals_are_of_clusters_the_same_in_1_7_and_64_shards(spec: Path, session: Any, tmp_path: Path) -> None:
    found = {count: report(spec, session, tmp_path, rows) for rows, count in SHARDS.items()}
    folders = {run.run_id: run for run in Store(str(tmp_path)).runs("tiny")}
    assert {count: len(folders[one.run_id].names("statistics")) for count, one in found.items()} == {1: 1, 7: 7, 64: 64}
    folder = folders[found[7].run_id]
    rows = pq.read_table(f"{folder.uri}/attributions").to_pandas()
    days = rows["cluster"]
    assert days.nunique() == 12
    for one in found.values():
        for row in (*one.importance, *one.segments):
            inside = slice(None) if row.segment is None else rows["segment:origin"] == row.segment_level
            sizes = rows.loc[inside, f"attribution:{row.feature}"].abs()
            assert row.abs_mean_ci == pytest.approx(expected(sizes, days[inside]), rel=1e-9)
            assert (row.interval_of, row.clusters) == ("clusters", 12)
        (group,) = one.groups
        both = (rows["attribution:a"] + rows["attribution:kind"]).abs()
        assert group.abs_mean_ci == pytest.approx(expected(both, days), rel=1e-9)
        assert (group.interval_of, group.clusters) == ("clusters", 12)
        assert [row.rank_ci for row in one.importance] == [row.rank_ci for row in found[1].importance]
    table = pq.read_table(f"{folder.uri}/importance.parquet").to_pandas()
    assert set(table["interval_of"]) == {"clusters"}
    assert set(table["clusters"]) == {12}
    page = Path(f"{folder.uri}/report.html").read_text()
    assert page.count("Intervals are made of 12 clusters of the column day") == 2


def test_a_run_that_kept_no_sums_says_that_its_intervals_are_of_rows(
    spec: Path, session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_clusters = report(spec, session, tmp_path, 448)
    whole = ShardSummary.from_json.__func__

    def without(cls: Any, data: dict[str, Any]) -> ShardSummary:
        groups = [{k: v for k, v in one.items() if k != "clusters"} for one in data["attributions"]["late"]["groups"]]
        return whole(cls, {**data, "sums": {}, "attributions": {"late": {"groups": groups}}})

    monkeypatch.setattr(ShardSummary, "from_json", classmethod(without))
    spec.write_text(spec.read_text() + "tags: [again]\n")
    of_rows = report(spec, session, tmp_path, 448, "report.r2.json")
    assert of_rows.run_id == of_clusters.run_id
    row = of_rows.importance[0]
    assert (row.interval_of, row.clusters) == ("rows", None)
    (folder,) = tmp_path.glob("tiny/2013-01-*")
    sizes = pq.read_table(f"{folder}/attributions").to_pandas()[f"attribution:{row.feature}"].abs()
    half = t.ppf(0.975, ROWS - 1) * sizes.std(ddof=1) / ROWS**0.5
    assert row.abs_mean_ci == pytest.approx((sizes.mean() - half, sizes.mean() + half), rel=1e-9)
    assert of_rows.groups[0].interval_of == "clusters"  # made of the rows themselves
    (page,) = tmp_path.glob("tiny/*/report.r2.html")
    assert "this report was made without sums by cluster of the column day" in page.read_text()
