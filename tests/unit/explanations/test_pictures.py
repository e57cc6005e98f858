"""Pictures of rows: what they draw is what was attributed, and what they leave out they say."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ig_tasks import explain
from ig_tasks.charts import Chart
from ig_tasks.errors import InputError
from ig_tasks.explanations.explanation import Explanation
from ig_tasks.presentation.colours import LOWERS, RAISES

WEIGHTS = np.array([3.0, -2.0, 1.0, 0.0])
RNG = np.random.default_rng(5)
X = RNG.normal(size=(60, 4))
X[7] = np.nan
KINDS = np.array(["tram", "bus", "ferry"], dtype=object)[np.arange(60) % 3]


@pytest.fixture(scope="module")
def explanation() -> Explanation:
    """Of w x + 1, so that an attribution is w x; one row is NaN, and two did not converge."""
    import torch

    layer = torch.nn.Linear(4, 1, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(WEIGHTS[None]))
        layer.bias.fill_(1.0)
    found = explain(layer, X)
    status = found.status.copy()
    status[[3, 4]] = "max_evaluations"
    values = X.astype(object)
    values[:, 3] = KINDS
    return replace(
        found,
        status=status,
        values=values,
        features=("north", "south", "east", "kind"),
        index=[f"r{k}" for k in range(60)],
    )


def drawn(chart: Chart, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = chart.spec.to_dict()["datasets"][name]
    return rows


def column(rows: Any, name: str) -> list[Any]:
    return [row[name] for row in rows]


KNOWN = np.delete(np.arange(60), 7)
UNPROVEN = "Of 59 rows 2 not converged (max_evaluations)"


def test_forces_meet_at_the_output_and_reach_from_side_to_side(explanation: Explanation) -> None:
    parts = drawn(explanation.force("r1"), "parts")
    own, output = X[1] * WEIGHTS, float(X[1] @ WEIGHTS + 1)
    sizes = {part["words"].split(" = ")[0]: part["size"] for part in parts}
    assert_allclose([sizes[name] for name in ("north", "south", "east")], own[:3])
    assert "kind" not in sizes  # nothing to push with
    for part in parts:
        assert part["from"] - part["to"] == pytest.approx(part["size"])
        assert part["colour"] == (RAISES if part["size"] > 0 else LOWERS)
    raising, lowering = ([p for p in parts if p["effect"] == effect] for effect in ("raises", "lowers"))
    assert min([p["to"] for p in raising], default=output) == pytest.approx(output - own[own > 0].sum())
    assert max([p["to"] for p in lowering], default=output) == pytest.approx(output - own[own < 0].sum())
    places = drawn(explanation.force("r1"), "places")
    assert [place["at"] for place in places] == pytest.approx([1.0, output])


def test_decisions_go_from_the_baseline_to_each_output(explanation: Explanation) -> None:
    chart = explanation.decision()
    assert len(chart.table) == 59
    assert_allclose(column(chart.table, "to"), X[KNOWN] @ WEIGHTS + 1)
    assert_allclose(column(chart.table, "north"), X[KNOWN, 0] * 3)
    last = [point for point in drawn(chart, "points") if point["label"] == "north"]
    assert_allclose(column(last, "at"), X[KNOWN] @ WEIGHTS + 1)
    dashed = {point["row"] for point in drawn(chart, "points") if point["dash"]}
    assert dashed == {"r3", "r4"}
    assert chart.notes == ("1 of 60 rows have no attributions and are left out.", f"{UNPROVEN}; they are dashed.")
    one = explanation.decision("r2", top=1)
    assert column(drawn(one, "points"), "label") == [
        "Baseline",
        "3 other features",
        "north" if abs(X[2, 0] * 3) > abs(X[2, 1] * 2) else "south",
    ]
    assert len(explanation.decision([0, "r5"]).table) == 2
    with pytest.raises(InputError, match=r"row: 7 was not explained \(not_finite\)"):
        explanation.decision([0, 7])


def test_bars_have_the_interval_of_students_t(explanation: Explanation) -> None:
    from scipy.stats import t

    chart = explanation.bar()
    sizes = np.abs(X[KNOWN, 0] * 3)
    half = t.ppf(0.975, 58) * sizes.std(ddof=1) / np.sqrt(59)
    first = chart.table[0]
    assert first["label"] == "north"
    assert (first["abs_mean"], first["low"], first["high"]) == pytest.approx(
        (sizes.mean(), sizes.mean() - half, sizes.mean() + half)
    )
    assert chart.notes[-1] == f"{UNPROVEN}."


def test_a_beeswarm_has_every_row_and_shades_by_value(explanation: Explanation) -> None:
    chart = explanation.beeswarm(top=2)
    points = [point for point in drawn(chart, "points") if point["label"] == "north"]
    assert_allclose(column(points, "attribution"), X[KNOWN, 0] * 3)
    shades = np.array(column(points, "shade"))
    assert (np.diff(shades[np.argsort(X[KNOWN, 0])]) >= 0).all()
    assert (shades.min(), shades.max()) == (0.0, 1.0)
    assert {point["row"] for point in points if point["shape"] != "circle"} == {"r3", "r4"}
    assert chart.notes[0] == "The 2 most important of 4 features."
    categories = [point for point in drawn(explanation.beeswarm(), "points") if point["label"] == "kind"]
    assert set(column(categories, "shade")) == {None}


def test_a_heat_map_is_ordered_by_output(explanation: Explanation) -> None:
    chart = explanation.heatmap()
    order = KNOWN[np.argsort(X[KNOWN] @ WEIGHTS)]
    assert column(chart.table, "row") == [f"r{row}" for row in order]
    assert_allclose(column(chart.table, "south"), X[order, 1] * -2)
    east = [cell["attribution"] for cell in drawn(chart, "cells") if cell["label"] == "east"]
    assert_allclose(east, X[order, 2])
    assert [top["row"] for top in drawn(chart, "tops") if top["mark"]] == [f"r{row}" for row in order if row in (3, 4)]


def test_dependence_of_numbers_and_categories(explanation: Explanation) -> None:
    document = explanation.dependence("south").to_dict()
    dots = document["layer"][2]["data"]["values"]
    proven = [row for row in KNOWN if row not in (3, 4)]
    assert_allclose([dot["value"] for dot in dots], X[proven, 1])
    assert_allclose([dot["low"] for dot in dots], X[proven, 1] * -2)
    unproven = document["layer"][3]["data"]["values"]
    assert_allclose([dot["low"] for dot in unproven], X[[3, 4], 1] * -2)
    middles = explanation.dependence("south").table
    assert all(row["middle"] == pytest.approx(-2 * row["value"]) for row in middles)  # medians of one line
    kinds = replace(explanation, attributions=explanation.attributions + np.arange(60)[:, None] % 3)
    table = kinds.dependence("kind").table
    assert {row["label"].split(" ")[0]: row["mean"] for row in table} == pytest.approx(
        {"ferry": 2, "bus": 1, "tram": 0}
    )
    with pytest.raises(InputError, match="dependence: feature 'nroth' is not there; did you mean 'north'"):
        explanation.dependence("nroth")
    with pytest.raises(InputError, match="what 'north' held is not known"):
        replace(explanation, values=None).dependence(0)


def test_cohorts_by_category_number_labels_and_masks(explanation: Explanation) -> None:
    size = np.abs(X[:, 0] * 3)
    table = [row for row in explanation.cohorts("kind").table if row["label"] == "north"]
    for row in table:
        own = [k for k in KNOWN if f"kind = {KINDS[k]} ({int((KINDS[KNOWN] == KINDS[k]).sum())} rows)" == row["cohort"]]
        assert len(own) >= 19
        assert row["abs_mean"] == pytest.approx(size[own].mean())
    quarters = dict.fromkeys(column(explanation.cohorts("east").table, "cohort"))
    assert [name.split("(")[1] for name in quarters] == ["15 rows)", "14 rows)", "15 rows)", "15 rows)"]
    masks = {"first": np.arange(60) < 10, "rest": np.arange(10, 60)}
    named = [row for row in explanation.cohorts(masks).table if row["label"] == "north"]
    means = size[np.delete(np.arange(10), 7)].mean(), size[10:].mean()
    assert [row["abs_mean"] for row in named] == pytest.approx(means)
    many = explanation.cohorts(np.arange(60).astype(str))
    assert "The 5 largest of 59 groups; 54 rows are in the others." in many.notes
    with pytest.raises(InputError, match=r"cohorts: by has shape \(3,\)"):
        explanation.cohorts(["a", "b", "c"])


def test_what_a_waterfall_does_not_account_for_is_a_step(explanation: Explanation) -> None:
    off = replace(explanation, output=explanation.output + 0.5)
    steps = off.waterfall(0).table
    assert (steps[-1]["step"], steps[-1]["attribution"]) == ("Not accounted for", pytest.approx(0.5))
    assert steps[-1]["to"] == pytest.approx(off.output[0])


def test_long_names_leave_room_for_their_values_and_stay_apart(explanation: Explanation) -> None:
    names = tuple(f"payments_over_ninety_days_in_the_last_{k}_years" for k in (12, 13, 14, 15))
    steps = column(replace(explanation, features=names).waterfall(0).table, "step")
    assert len(set(steps)) == 4
    assert any(step.endswith(f"= {X[0, 0]:.4g}") for step in steps)


def test_a_path_and_its_errors_come_from_the_model() -> None:
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(2, 1, bias=False), torch.nn.Sigmoid()).double()
    with torch.no_grad():
        model[0].weight.fill_(6.0)
    found = explain(model, np.array([[1.0, 0.8], [0.0, 0.1]]))
    chart = found.path(0)
    alphas = np.array(column(chart.table, "alpha"))
    outputs = 1 / (1 + np.exp(-10.8 * alphas))
    assert_allclose(column(chart.table, "output"), outputs, rtol=1e-6)
    assert_allclose(column(chart.table, "slope"), 10.8 * outputs * (1 - outputs), rtol=1e-6)
    # 90 % of 0.5 is reached where the sigmoid is 0.95: at ln(19) / 10.8 = 0.273, and 0.28125 is the next place.
    assert chart.notes[0] == "90 % of the change comes between alpha 0.00 and 0.28 (shaded)."
    errors = found.convergence(0)
    assert errors.table[0]["rule"].startswith("this explanation: ")
    assert errors.table[0]["evaluations"] == found.evaluations[0]
    assert {row["rule"] for row in errors.table[1:]} == {"Gauss-Legendre", "trapezoid"}
    kept = pickle.loads(pickle.dumps(found))
    assert kept.asked is None
    assert kept.waterfall(0).table == found.waterfall(0).table
    with pytest.raises(InputError, match="path: this explanation was stored without its model"):
        kept.path(0)


def test_words_are_shaded_and_pieces_put_together() -> None:
    import torch

    class Bag(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Embedding(5, 1, dtype=torch.float64)
            with torch.no_grad():
                self.table.weight.copy_(torch.tensor([[0.0], [1.0], [-2.0], [0.5], [4.0]]))

        def forward(self, ids: Any) -> Any:
            return self.table(ids).sum(dim=(1, 2))

    found = explain(
        Bag(), {"ids": np.array([[1, 2, 3, 4]])}, baseline={"ids": np.zeros(4, int)}, layers={"ids": "table"}
    )
    chart = found.text(0, words=["very", "ug", "##ly", "<b>"])
    assert [tuple(row.values()) for row in chart.table] == [("very", 1.0), ("ugly", -1.5), ("<b>", 4.0)]
    boxes = drawn(chart, "words")
    assert column(boxes, "colour") == [RAISES, LOWERS, RAISES]
    assert column(boxes, "depth") == pytest.approx([0.62 / 4, 0.62 * 1.5 / 4, 0.62])
    with pytest.raises(InputError, match="text: 2 words for attributions"):
        found.text(0, words=["a", "b"])
    with pytest.raises(InputError, match="words: name an input of tokens"):
        found.text(0)


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3), (3, 6, 5), (6, 5, 1)])
def test_an_image_has_baseline_original_mask_and_overlay(shape: tuple[int, ...]) -> None:
    import torch

    weights = torch.tensor(np.random.default_rng(1).normal(size=shape))

    class Weighted(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return (x * weights).flatten(1).sum(1)

    picture = np.random.default_rng(2).uniform(size=(2, *shape))
    chart = explain(Weighted(), picture, baseline=0.5).image(1)
    own = weights.numpy() * (picture[1] - 0.5)
    cells = own if len(shape) == 2 else own.sum(axis=0 if shape[0] == 3 else 2)
    assert column(drawn(chart, "panels"), "title") == ["baseline", "original", "attribution mask", "overlay"]
    found = np.full(cells.shape, np.nan)
    for row in chart.table:
        found[row["row"], row["column"]] = row["attribution"]
    assert_allclose(found, cells)


def test_ten_thousand_rows_of_three_hundred_features_are_drawn_in_part_and_say_so(explanation: Explanation) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(10_000, 300))
    many = Explanation(
        matrix, matrix.sum(axis=1), *np.zeros((4, 10_000)), np.ones(10_000, np.int32), np.full(10_000, "converged"),
        features=tuple(f"f{k}" for k in range(300)), values=matrix,
    )  # fmt: skip
    for chart, rows, features in (
        (many.beeswarm(), 1_200, 10), (many.heatmap(), 300, 20), (many.decision(), 200, 20)
    ):  # fmt: skip
        assert f"{rows:,} of 10,000 rows are drawn, spread evenly over all." in chart.notes
        assert chart.marks < 13_000
        assert features  # named in a note, or the rest is one step
    assert "The 20 most important of 300 features." in many.bar().notes
    assert "280 other features" in many.decision().table[0]


def test_nothing_explained_has_no_picture(explanation: Explanation) -> None:
    nothing = replace(explanation, attributions=np.full((60, 4), np.nan))
    for picture in ("bar", "beeswarm", "heatmap", "decision"):
        with pytest.raises(InputError, match=f"{picture}: no row was explained"):
            getattr(nothing, picture)()


def test_every_picture_is_vega_lite_by_its_schema(explanation: Explanation) -> None:
    import altair as alt

    few = replace(
        explanation,
        attributions=explanation.attributions[:9],
        **{name: getattr(explanation, name)[:9] for name in ("output", "baseline_output", "status", "values", "index")},
    )
    for chart in (
        few.waterfall(0), few.force(0), few.decision(), few.bar(), few.beeswarm(), few.heatmap(), few.dependence(0),
        few.cohorts(np.arange(9) % 2), explanation.path(0), explanation.convergence(0),
    ):  # fmt: skip
        alt.LayerChart.from_dict({key: part for key, part in chart.document.items() if key != "$schema"})
        assert len(chart.heading) > 4
        assert chart.words.endswith("The numbers are in the table.")
        assert chart.table
