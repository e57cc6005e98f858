"""An explanation as a table, as charts, as SHAP's object."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ig_tasks import explain
from ig_tasks.errors import InputError
from ig_tasks.explanations.explanation import Explanation
from ig_tasks.presentation.colours import LOWERS, RAISES

INPUTS = {"num": np.array([[1.0, 2.0], [3.0, -4.0], [np.nan, 0.0]]), "flag": np.array([1.0, 0.0, 1.0])}


@pytest.fixture(scope="module")
def model() -> Any:
    import torch

    class Two(torch.nn.Module):
        def forward(self, num: Any, flag: Any) -> Any:
            return torch.stack([num[:, 0] + 2 * num[:, 1] + 4 * flag, num[:, 0]], dim=1)

    return Two()


@pytest.fixture
def explanation(model: Any) -> Explanation:
    return explain(model, INPUTS, target=0)


def test_to_frame(explanation: Explanation) -> None:
    frame = explanation.to_frame()
    assert len(frame) == 3
    np.testing.assert_allclose(frame["attribution:num[1]"][:2], [4, -8])
    np.testing.assert_allclose(frame["input:flag"], [1, 0, 1])
    np.testing.assert_allclose(frame["output"][:2], [9, -5])
    assert list(frame["status"]) == ["converged", "converged", "not_finite"]
    assert frame["attribution:flag"].dtype == np.float64


def test_to_frame_of_all_outputs_has_a_row_for_each(model: Any) -> None:
    frame = explain(model, INPUTS, target="all").to_frame()
    assert list(frame["target"]) == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(frame.loc[frame["target"] == 1, "attribution:num[0]"][:2], [1, 3])


def test_waterfall_goes_from_the_baseline_to_the_output(explanation: Explanation) -> None:
    bars = explanation.waterfall(1).to_dict()["data"]["values"]
    assert bars[0]["from"] == 0
    assert bars[-1]["to"] == pytest.approx(-5)
    assert [bar["feature"] for bar in bars] == ["num[1] = -4", "num[0] = 3", "flag = 0"]
    assert [bar["effect"] for bar in bars] == ["lowers", "raises", "raises"]


def test_waterfall_has_both_ends_figures_and_the_colours_of_a_report(explanation: Explanation) -> None:
    drawn = io.StringIO()
    replace(explanation, details={"space": "logit"}).waterfall(1).save(drawn, format="svg")
    svg = drawn.getvalue()
    for words in ("Output at the baseline", "Output for this row", "model output (log-odds)", ">-8<", ">+3<", ">-5<"):
        assert words in svg
    assert svg.count(f'fill="{RAISES}"') == 2
    assert svg.count(f'fill="{LOWERS}"') == 1


def test_a_waterfall_of_a_row_that_is_not_proven_says_so_and_what_to_do(model: Any) -> None:
    fixed = explain(model, INPUTS, target=0, integrator="midpoint", steps=8)
    assert list(fixed.status) == ["unverified", "unverified", "not_finite"]
    chart = fixed.waterfall(1)
    assert " ".join(chart.notes) == (
        "Unverified: the attributions add up to within the tolerance, but a rule of fixed steps has no error estimate "
        "that would prove them; leave steps out and use integrator='auto'."
    )
    drawn = io.StringIO()
    chart.save(drawn, format="svg")
    assert "use integrator='auto'." in drawn.getvalue().replace("&#39;", "'")
    short = replace(fixed, status=np.array(["max_evaluations", "converged", "not_finite"]))
    assert "raise max_evaluations" in short.waterfall(0).notes[0]
    assert short.waterfall(1).notes == ()


def test_waterfall_puts_the_rest_together(explanation: Explanation) -> None:
    bars = explanation.waterfall(0, top=1).to_dict()["data"]["values"]
    assert [bar["feature"] for bar in bars] == ["num[1] = 2", "2 other features"]
    assert bars[-1]["to"] == pytest.approx(9)


def test_bar_ranks_by_mean_size_over_explained_rows(explanation: Explanation) -> None:
    bars = explanation.bar().to_dict()["data"]["values"]
    assert [bar["label"] for bar in bars] == ["num[1]", "num[0]", "flag"]
    assert [bar["abs_mean"] for bar in bars] == pytest.approx([6, 2, 2])
    assert bars[0]["mean"] == pytest.approx(-2)


def test_to_shap(explanation: Explanation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shap", SimpleNamespace(Explanation=lambda **fields: SimpleNamespace(**fields)))
    with pytest.warns(UserWarning, match="left out"):
        found = explanation.to_shap()
    np.testing.assert_allclose(found.values[:2], [[1, 4, 4], [3, -8, 0]])
    assert found.feature_names == ["num[0]", "num[1]", "flag"]
    np.testing.assert_allclose(found.base_values[:2], 0)


def test_to_shap_leaves_out_rows_that_were_not_explained(
    explanation: Explanation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "shap", SimpleNamespace(Explanation=lambda **fields: SimpleNamespace(**fields)))
    assert explanation.status.tolist() == ["converged", "converged", "not_finite"]
    labelled = replace(explanation, index=["first", "second", "third"])
    with pytest.warns(UserWarning, match=r"1 of 3 rows were not explained and are left out"):
        found = labelled.to_shap()
    np.testing.assert_allclose(found.values, [[1, 4, 4], [3, -8, 0]])
    assert len(found.base_values) == len(found.data) == 2
    assert found.instance_names == ["first", "second"]
    nothing = {name: np.full_like(part, np.nan) for name, part in labelled.attributions.items()}
    with pytest.raises(InputError, match="to_shap: no row was explained"):
        replace(labelled, attributions=nothing).to_shap()


def test_rows_by_label(explanation: Explanation) -> None:
    labelled = replace(explanation, index=[30, "b", "b"])
    assert labelled.waterfall("30").to_dict() == labelled.waterfall(0).to_dict()
    with pytest.raises(InputError, match="row: 'b' is the label of 2 rows; give a row's place"):
        labelled.waterfall("b")
    with pytest.raises(InputError, match="row: 'c' is not there; rows: 30, b, b"):
        labelled.waterfall("c")
    with pytest.raises(InputError, match=r"row: 30 is not there; .* a label that is a number goes as a string"):
        labelled.waterfall(30)
    with pytest.raises(InputError, match="row: 'b' is not there; there are no rows"):
        explanation.waterfall("b")


def test_to_shap_says_what_to_install(explanation: Explanation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(InputError, match="pip install shap"):
        explanation.to_shap()


def test_what_cannot_be_shown(model: Any, explanation: Explanation) -> None:
    with pytest.raises(InputError, match="row: 5 is not there; the explanation has 3 rows"):
        explanation.waterfall(5)
    with pytest.raises(InputError, match=r"row: 2 was not explained \(not_finite\)"):
        explanation.waterfall(2)
    with pytest.raises(InputError, match="bar: it shows one output"):
        explain(model, INPUTS, target="all").bar()


def test_control_characters_in_names_do_not_end_the_process(explanation: Explanation) -> None:
    named = replace(explanation, features=("a\x00\x1b", "b\ufffe", "c"))
    for chart in (named.waterfall(0), named.bar()):
        drawn = io.StringIO()
        chart.save(drawn, format="svg")
        assert "a\\x00\\x1b" in drawn.getvalue()
        assert "b\\ufffe" in drawn.getvalue()
