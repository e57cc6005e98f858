"""`explanation.quality()`: over tables and embedded inputs, and what it leaves alone."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.tiny import table, write_package

import ig_tasks
from ig_tasks.attribution.quality.checks import CHECKS
from ig_tasks.errors import InputError
from ig_tasks.explanations.quality import subject_of

torch = pytest.importorskip("torch")

CHEAP = ["infidelity", "curves", "sparseness"]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = write_package(tmp_path_factory.mktemp("quality") / "tiny")
    return ig_tasks.load_model(folder, trusted_root=folder)


def rows() -> pd.DataFrame:
    frame = table(40, 3)
    frame.loc[[4, 17], "a"] = np.nan  # cannot be encoded
    return frame


def tiny_output(loaded: Any, numeric: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The model's own layers, one after the other, on vectors in place of ids."""
    model = loaded.model
    with torch.no_grad():
        joined = torch.cat([torch.tensor(numeric), torch.tensor(vectors)], dim=1).float()
        return model.out(torch.tanh(model.hidden(joined))).double().numpy()[:, 0]


def test_features_at_the_baseline_are_the_models_own_vectors(loaded: Any) -> None:
    frame = rows()
    explanation = ig_tasks.explain(loaded, frame, baseline="auto", reference=frame)
    kept = np.flatnonzero(frame["a"].notna())
    subject = subject_of(explanation, kept[::3])
    some = frame.iloc[kept[::3]]
    numeric = some[["a", "b"]].to_numpy()
    with torch.no_grad():
        embedded = loaded.model.embed_kind.weight.double().numpy()
    ids = some["kind"].map({"red": 1, "green": 2, "blue": 3}).to_numpy()
    # `auto`: the median of numbers, and the mean vector of a category's frequencies in the reference.
    reference = frame.iloc[kept]
    median = reference[["a", "b"]].median().to_numpy()
    counts = reference["kind"].map({"red": 1, "green": 2, "blue": 3}).value_counts(normalize=True)
    mean = sum(share * embedded[number] for number, share in counts.items())
    draw = np.random.default_rng(0)
    for chosen in (draw.random((len(some), 3)) < 0.5 for _ in range(5)):
        held = np.where(chosen[:, :2], median, numeric)
        vectors = np.where(chosen[:, 2:], mean, embedded[ids])
        (found,) = subject.without([chosen])
        assert found == pytest.approx(tiny_output(loaded, held, vectors), abs=1e-5)
    none, every = subject.without([np.zeros((len(some), 3), bool), np.ones((len(some), 3), bool)])
    assert none == pytest.approx(subject.output, abs=1e-6)
    assert every == pytest.approx(subject.baseline_output, abs=1e-6)


def test_a_table_is_judged_by_the_features_of_its_package(loaded: Any) -> None:
    frame = rows()
    days = np.arange(len(frame)) % 6
    explanation = ig_tasks.explain(loaded, frame, baseline="auto", reference=frame)
    found = explanation.quality(rows=20, draws=3, clusters=days, baselines=["mean", "zero"])
    assert found.rows == 20
    assert {figure.measure for figure in found.figures} >= {
        "infidelity", "unforetold", "max_sensitivity", "insertion", "deletion", "sparseness", "randomised", "baselines",
    }  # fmt: skip
    layers = [figure.of for figure in found.figures if figure.measure == "randomised"]
    assert layers == ["out", "hidden", "embed_kind"]
    assert [figure.of for figure in found.figures if figure.measure == "baselines"] == ["mean", "zero"]
    assert all(np.isfinite(figure.value) and np.isfinite(figure.se) for figure in found.figures)
    again = explanation.quality(rows=20, draws=3, clusters=days, baselines=["mean", "zero"])
    pd.testing.assert_frame_equal(found.to_frame(), again.to_frame())
    assert "Change not foretold" in repr(found)
    assert found["randomised"].of == "embed_kind"


def test_the_model_is_left_as_it_was_found(loaded: Any) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.5), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    model.train()
    model[0].weight.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    ig_tasks.explain(model, np.ones((5, 3), np.float32)).quality(rows=5, draws=2)
    assert model.training
    assert not model[0].weight.requires_grad
    assert model[0].weight.grad is None
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_the_largest_output_is_that_of_the_row_wherever_its_features_go() -> None:
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)).double()
    inputs = np.random.default_rng(0).normal(size=(30, 4))
    columns = model(torch.tensor(inputs)).argmax(1).numpy()
    assert len(np.unique(columns)) > 1
    by_name, by_number = (
        ig_tasks.explain(model, inputs, target=target).quality(rows=12, checks=CHEAP).to_frame()
        for target in ("predicted", columns)
    )
    pd.testing.assert_frame_equal(by_name, by_number)


def test_several_baselines_count_as_they_do_in_the_explanation() -> None:
    model = torch.nn.Linear(4, 1).double()
    inputs = np.random.default_rng(0).normal(size=(20, 4))
    samples = ig_tasks.Samples(np.random.default_rng(1).normal(size=(3, 4)))
    found = ig_tasks.explain(model, inputs, baseline=samples).quality(rows=20, checks=["infidelity"])
    assert found["infidelity"].value == pytest.approx(0.0, abs=1e-25)
    by_row = ig_tasks.explain(model, inputs, baseline=inputs[::-1].copy()).quality(rows=7, checks=["infidelity"])
    assert by_row["infidelity"].value == pytest.approx(0.0, abs=1e-25)


def test_what_a_model_does_not_allow_is_set_aside_with_the_reason() -> None:
    layer, weight = torch.nn.Linear(3, 1).double(), torch.ones(3, dtype=torch.float64)
    explanation = ig_tasks.explain(lambda x: layer(x), torch.ones(4, 3, dtype=torch.float64))
    found = explanation.quality(rows=4, checks=["randomisation", "sparseness"])
    assert "a function keeps its modules" in found.aside["randomisation"]
    explanation = ig_tasks.explain(lambda x: (x * weight).sum(1), torch.ones(4, 3, dtype=torch.float64))
    found = explanation.quality(rows=4, checks=["randomisation", "sparseness"])
    assert found.aside["randomisation"] == "model: it has no layer whose weights could be random"
    assert found["sparseness"].value == pytest.approx(0.0, abs=1e-12)
    assert "randomisation: not measured" in repr(found)
    two = ig_tasks.explain(torch.nn.Linear(2, 1), np.ones((4, 2), np.float32)).quality(rows=4, checks=["baselines"])
    assert two.aside == {"baselines": "two features, or one, have no ranking that could be compared"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"checks": ["infidelty"]}, "checks: 'infidelty' is not known; did you mean 'infidelity'?"),
        ({"rows": 1}, "rows: 1 tell nothing of their spread; give 2 or more"),
        ({"scale": {"y": 1.0}}, "scale: 'y' is not an input of numbers"),
        ({"draws": 0}, "draws: 0 is not a whole number of 1 or more"),
        ({"radius": -1.0}, "radius: -1.0 is not a number above 0"),
        ({"clusters": [1, 2]}, "clusters: 2 labels for 5 rows"),
    ],
)
def test_bad_arguments_are_one_line(arguments: dict[str, Any], message: str) -> None:
    explanation = ig_tasks.explain(torch.nn.Linear(3, 1), np.ones((5, 3), np.float32))
    with pytest.raises(InputError, match=f"^{message.replace('?', '[?]')}"):
        explanation.quality(**arguments)


def test_an_explanation_that_was_sent_has_its_numbers_and_not_its_model() -> None:
    explanation = ig_tasks.explain(torch.nn.Linear(3, 1), np.ones((5, 3), np.float32))
    sent = pickle.loads(pickle.dumps(explanation))
    np.testing.assert_array_equal(sent.attributions, explanation.attributions)
    assert sent.asked is None
    with pytest.raises(InputError, match="this explanation has lost its model; call explain again"):
        sent.quality()
    every = ig_tasks.explain(torch.nn.Linear(3, 2), np.ones((5, 3), np.float32), target="all")
    with pytest.raises(InputError, match="it judges one output; explain one target instead of 'all'"):
        every.quality()


def test_every_check_has_words(loaded: Any) -> None:
    from ig_tasks.presentation.quality_measures import MEASURES

    frame = rows().dropna()
    found = ig_tasks.explain(loaded, frame, baseline="mean", reference=frame).quality(rows=10, draws=2, layers=1)
    assert {figure.measure for figure in found.figures} <= set(MEASURES)
    assert len(CHECKS) == 7
