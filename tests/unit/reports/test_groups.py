"""A group's contribution to a row is the sum of its features' there; its importance is read off those sums."""

import numpy as np
import pyarrow as pa
import pytest

from ig_tasks.reports.groups import group_importance, group_statistics
from ig_tasks.reports.importance import figures
from ig_tasks.spec import FeatureSpec
from ig_tasks.spec.feature_groups import groups_of
from ig_tasks.statistics import FeatureStatistics
from ig_tasks.store import Folder


@pytest.fixture
def folder(tmp_path):
    return Folder(str(tmp_path))


def importance(folder, files, groups):
    return group_importance(group_statistics(folder, files, groups), groups)


def shards(folder, *tables, targets=None):
    files = []
    for number, columns in enumerate(tables):
        rows = len(next(iter(columns.values())))
        held = {"target": pa.array((targets or ["late"] * rows)[:rows], pa.string())}
        held |= {f"attribution:{name}": pa.array(values, pa.float64()) for name, values in columns.items()}
        files.append(f"attributions/shard-{number:06d}.parquet")
        folder.write_table(files[-1], pa.table(held))
    return files


def test_groups_are_those_of_the_spec_in_the_order_of_the_models_features():
    presented = {
        "b": FeatureSpec(group="one"), "c": FeatureSpec(label="C"), "a": FeatureSpec(group="one"),
        "d": FeatureSpec(group="two"),
    }  # fmt: skip
    assert groups_of(["a", "d", "b", "c", "e"], presented) == {"one": ("a", "b"), "two": ("d",)}
    assert groups_of(["a"], {}) == {}


def test_contributions_are_summed_in_each_row_before_anything_is_made_absolute(folder):
    files = shards(
        folder,
        {"a": [1.0, -1.0], "b": [1.0, 2.0], "c": [0.5, 0.5]},
        {"a": [3.0], "b": [-1.0], "c": [0.5]},
    )
    group, single = importance(folder, files, {"single": ("c",), "pair": ("a", "b")})
    # Rows of the pair: 1 + 1, -1 + 2, 3 - 1. Its features alone have 5/3 and 4/3.
    assert (group.target, group.group, group.features, group.rows) == ("late", "pair", ("a", "b"), 3)
    assert group.mean == group.abs_mean == pytest.approx(5 / 3, rel=1e-15)
    assert group.median == 2.0
    assert group.mean_square == pytest.approx(3.0, rel=1e-15)
    assert group.std_dev == pytest.approx(np.sqrt(2) / 3, rel=1e-14)
    # Student's t of 2 degrees of freedom has quantiles (2p - 1) sqrt(1 / (2p (1 - p))); the standard error is 1/3.
    half = 0.95 * np.sqrt(1 / (2 * 0.975 * 0.025)) / 3
    assert group.abs_mean_ci == pytest.approx((5 / 3 - half, 5 / 3 + half), rel=1e-12)
    assert (single.group, single.abs_mean, single.std_dev, single.abs_mean_ci) == ("single", 0.5, 0.0, (0.5, 0.5))
    assert (group.rank, single.rank) == (1, 2)
    assert group.rank_ci == single.rank_ci == (1, 2)


def test_features_that_work_against_each_other_in_every_row_are_nothing_together(folder):
    (files,) = [shards(folder, {"a": [1.0, -2.0, 4.0], "b": [-1.0, 2.0, -4.0]})]
    (group,) = importance(folder, files, {"both": ("a", "b")})
    assert (group.abs_mean, group.mean, group.rank_ci) == (0.0, 0.0, (1, 1))


def test_a_group_of_one_feature_has_its_figures_and_a_merge_of_shards_those_of_all_rows(folder):
    draw = np.random.default_rng(4)
    values = {name: draw.normal(size, 1.0, 300) for name, size in (("a", 0.1), ("b", 2.0), ("c", -0.5))}
    files = shards(
        folder, *({name: held[part] for name, held in values.items()} for part in np.split(np.arange(300), 3))
    )
    found = {row.group: row for row in importance(folder, files, {"x": ("a", "c"), "y": ("b",)})}
    sums = np.stack([values["a"] + values["c"], values["b"]], axis=1)
    expected = figures(FeatureStatistics.of(sums, ["x", "y"]))
    for name, facts in zip(("x", "y"), expected, strict=True):
        for key in ("mean", "abs_mean", "std_dev", "mean_square"):
            assert getattr(found[name], key) == pytest.approx(facts[key], rel=1e-12), key
        assert found[name].abs_mean_ci == pytest.approx(facts["abs_mean_ci"], rel=1e-12)
        assert (found[name].rank, found[name].rank_ci) == (facts["rank"], facts["rank_ci"])
    assert found["y"].abs_mean == pytest.approx(np.abs(values["b"]).mean(), rel=1e-12)
    assert (found["y"].rank, found["y"].rank_ci) == (1, (1, 1))


def test_each_target_has_its_own_and_a_shard_without_rows_changes_nothing(folder):
    files = shards(folder, {"a": [1.0, -4.0]}, {"a": []}, targets=["late", "very"])
    late, very = importance(folder, files, {"g": ("a",)})
    assert (late.target, late.rows, late.abs_mean) == ("late", 1, 1.0)
    assert (very.target, very.rows, very.mean) == ("very", 1, -4.0)
    assert late.abs_mean_ci == (None, None)


def test_without_groups_no_shard_is_read(folder):
    assert importance(folder, ["attributions/nothing.parquet"], {}) == []
