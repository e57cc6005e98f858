"""The baseline doctor: what it objects to, what rankings have in common, what it advises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ig_tasks import Strategy
from ig_tasks.baselines.assessment import BaselineAssessment, BaselineFindings, recommended
from ig_tasks.baselines.doctor import judge_baselines
from ig_tasks.errors import BaselineError, InputError


@pytest.fixture(params=["torch", "keras"])
def linear(request: pytest.FixtureRequest) -> Any:
    """x0 + 2 x1 in double precision."""
    if request.param == "torch":
        import torch

        model = torch.nn.Linear(2, 1, bias=False).double()
        with torch.no_grad():
            model.weight[:] = torch.tensor([[1.0, 2.0]])
        return model
    import keras

    layer = keras.layers.Dense(1, use_bias=False, dtype="float64")
    model = keras.Sequential([keras.Input((2,), dtype="float64"), layer])
    layer.set_weights([np.array([[1.0], [2.0]])])
    return model


ROWS = np.array([[3.0, 1.0]] * 4 + [[1.0, 4.0], [5.0, 2.0], [4.0, 7.0], [2.0, 3.0], [6.0, 5.0], [9.0, 6.0]])
# outputs: 5, 5, 5, 5, 9, 9, 18, 8, 16, 21


def test_a_baseline_that_is_the_most_common_row_is_called_out(linear: Any) -> None:
    judged = judge_baselines(linear, ROWS, baselines={"row": np.array([3.0, 1.0]), "mean": "mean"})
    assert (judged.common_row, judged.common_rows) == (0, 4)
    assert judged["row"].identical_rows == 4
    assert judged.problems("row")["common"] == (
        "it is the data's most common row: 4 rows are identical to it and get all-zero attributions"
    )
    assert finding("row", (1.0,), identical_rows=1).problems("logit", 1)["common"] == (
        "one row is identical to it and gets all-zero attributions"
    )
    assert judged["row"].small_share == 0.4
    assert judged.recommendation[0] == "mean"
    assert "common" not in judged.problems("mean")


def test_figures_by_hand(linear: Any) -> None:
    judged = judge_baselines(linear, ROWS, baselines=["zero", "mean"])
    zero, mean = judged.findings
    assert (zero.output, zero.percentile) == (0.0, 0.0)
    assert mean.output == pytest.approx(10.1)
    assert mean.percentile == pytest.approx(70.0)
    # |x| of a linear model from zero: means of x0 and 2 x1.
    np.testing.assert_allclose(zero.abs_mean, [3.9, 6.2])
    assert zero.outside == {"inputs": "100 % of its numbers"}
    assert judged.problems("zero")["sure"] == "its output is far from neutral, 0, percentile 0 of the rows' outputs"
    assert not judged.problems("mean")
    assert judged.output_spread == pytest.approx(np.std(ROWS @ [1.0, 2.0]))
    assert zero.converged == mean.converged == 1.0


def test_outside_the_range_of_the_reference(linear: Any) -> None:
    reference = np.array([[1.0, 0.0], [9.0, 8.0]])
    judged = judge_baselines(linear, ROWS, baselines={"b": np.array([4.0, -1.0])}, reference=reference)
    assert list(judged["b"].outside.values()) == ["50 % of its numbers"]
    assert "outside the data in" in judged.problems("b")["outside"]


def test_samples_are_judged_together(linear: Any) -> None:
    judged = judge_baselines(linear, ROWS, baselines=[Strategy("samples", k=5), "zero"])
    found = judged["samples (k=5)"]
    assert found.baselines == 5
    assert found.identical_rows == 0


def test_what_cannot_be_tried_is_set_aside(linear: Any) -> None:
    judged = judge_baselines(linear, ROWS, baselines={"mean": "mean", "wrong": np.zeros((7,)), "far": "blurr"})
    assert judged.names == ["mean"]
    assert set(judged.aside) == {"wrong", "far"}
    assert any(
        line.startswith("far: could not be tried: baseline: 'blurr' is not a strategy") for line in judged.lines()
    )
    with pytest.raises(BaselineError, match="none could be tried"):
        judge_baselines(linear, ROWS, baselines={"far": "blurr"})
    with pytest.raises(InputError, match="a DataFrame needs a loaded model package"):
        judge_baselines(linear, pd.DataFrame(ROWS))


def test_the_default_candidates_and_the_words(linear: Any) -> None:
    judged = judge_baselines(linear, ROWS)
    assert judged.names == ["auto", "mean", "mode", "zero", "samples"]
    assert str(judged).splitlines()[-1].startswith(f"take {judged.recommendation[0]}: ")
    assert list(judged.to_frame().index) == judged.names
    np.testing.assert_allclose(np.diag(judged.spearman()), 1.0)


def finding(name: str, abs_mean: tuple[float, ...], **changes: Any) -> BaselineFindings:
    figures: dict[str, Any] = {
        "baselines": 1,
        "output": 0.0,
        "percentile": 50.0,
        "small_share": 0.0,
        "outside": {},
        "identical_rows": 0,
        "common_row": False,
        "converged": 1.0,
        "evaluations": 3.0,
    }
    return BaselineFindings(name=name, abs_mean=abs_mean, **{**figures, **changes})


def assessment(*findings: BaselineFindings, space: str = "logit") -> BaselineAssessment:
    return BaselineAssessment(space, 10, ("a", "b", "c", "d"), 1.0, 0, 3, findings)


def test_rank_correlations_by_hand() -> None:
    judged = assessment(
        finding("one", (4.0, 3.0, 2.0, 1.0)), finding("two", (4.0, 3.0, 1.0, 2.0)), finding("flat", (1.0,) * 4)
    )
    # Two neighbours change places: Spearman 1 - 6 * 2 / (4 * 15), Kendall (5 - 1) / 6.
    assert judged.spearman().loc["one", "two"] == pytest.approx(0.8)
    assert judged.kendall().loc["one", "two"] == pytest.approx(4 / 6)
    assert judged.spearman().loc["one", "flat"] == 0.0


def test_the_advice_goes_to_what_least_speaks_against_then_to_agreement() -> None:
    alike = finding("first", (4.0, 3.0, 2.0, 1.0)), finding("second", (4.0, 3.0, 1.0, 2.0))
    assert recommended(assessment(*alike))[0] == "first"
    odd = finding("odd", (1.0, 2.0, 3.0, 4.0))
    # Means of the correlations with the others: odd (-1 - 0.8) / 2, first (-1 + 0.8) / 2, second (-0.8 + 0.8) / 2.
    assert recommended(assessment(odd, *alike))[0] == "second"
    spoilt = finding("first", (4.0, 3.0, 2.0, 1.0), outside={"a": "0, where the data has 1 to 2"})
    name, why = recommended(assessment(odd, spoilt, alike[1]))
    assert name == "second"
    assert why.startswith("nothing speaks against it, its output is 0, a probability of 0.5, percentile 50")


@pytest.mark.parametrize(
    ("space", "output", "said"),
    [
        ("logit", 6.0, "the model is all but sure there, 6, a probability of 0.998, percentile 50"),
        ("probability", 0.002, "the model is all but sure there, probability 0.002, percentile 50"),
        ("value", 1000.0, None),
        ("logit", 1.0, None),
    ],
)
def test_far_from_neutral_in_the_words_of_the_space(space: str, output: float, said: str | None) -> None:
    problems = assessment(finding("one", (1.0,) * 4, output=output), space=space).problems("one")
    assert problems.get("sure", None) is None if said is None else problems["sure"].startswith(said)


def test_small_differences_are_said() -> None:
    problems = assessment(finding("one", (1.0,) * 4, small_share=0.6)).problems("one")
    assert problems == {"small": "the output of 60 % of the rows hardly differs from that at the baseline"}


def test_two_features_make_no_ranking() -> None:
    judged = BaselineAssessment(
        "value", 10, ("a", "b"), 1.0, 0, 1, (finding("one", (1.0, 2.0)), finding("two", (2.0, 1.0)))
    )
    assert not any(line.startswith("rankings") for line in judged.lines())
    assert recommended(judged) == (
        "one",
        "nothing speaks against it, its output is 0, percentile 50 of the rows' outputs",
    )


def test_every_line_says_the_output() -> None:
    judged = assessment(finding("one", (1.0,) * 4, small_share=0.5, output=1.5), space="value")
    assert judged.lines()[0] == (
        "one: output 1.5, percentile 50 of the rows' outputs; the output of 50 % of the rows hardly differs from that "
        "at the baseline"
    )
