"""One number of a model with several outputs, or with an output of more axes: by head, place, position and column."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import make_dataclass
from typing import Any

import numpy as np
import pytest

from ig_tasks import diagnose, explain, judge_baselines
from ig_tasks.errors import ModelError, TargetError

pytestmark = pytest.mark.graphs

INTO, OUT = np.random.default_rng(1).normal(size=(3, 5)), np.random.default_rng(3).normal(size=(5, 2))
A, B = np.random.default_rng(3).normal(size=(3, 3)), np.random.default_rng(4).normal(size=(3, 2))
NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)
HEADS = ["scores", "hidden"]
CONTAINERS = {
    "torch": ["dict", "named tuple", "dataclass", "tuple", "list", "huggingface"],
    "keras": ["dict", "named tuple", "tuple", "functional dict", "functional list"],
}


class Kit:
    """Matrix products and the like in one framework, in float64."""

    def __init__(self, name: str) -> None:
        self.name = name

    def model(self, function: Any) -> Any:
        if self.name == "torch":
            import torch

            class Model(torch.nn.Module):
                def __init__(self) -> None:
                    super().__init__()
                    self.one = torch.nn.Parameter(torch.ones((), dtype=torch.float64))

                def forward(self, x: Any) -> Any:
                    return function(x * self.one, lambda array: torch.tensor(array), torch)

            return Model()
        import keras

        class Layers(keras.Model):
            def call(self, x: Any) -> Any:
                return function(x, keras.ops.convert_to_tensor, keras.ops)

        return Layers(dtype="float64")

    def two_heads(self, container: str) -> Any:
        def heads(x: Any, tensor: Any, ops: Any) -> tuple[Any, Any]:
            hidden = ops.tanh(ops.matmul(x, tensor(INTO)))
            return ops.matmul(hidden, tensor(OUT)), hidden

        if container.startswith("functional"):
            import keras

            x = keras.Input((3,), dtype="float64")
            scores, hidden = heads(x, lambda array: array, keras.ops)
            scores, hidden = (
                keras.layers.Identity(name=name, dtype="float64")(each)
                for name, each in zip(HEADS, (scores, hidden), strict=True)
            )
            outputs = {"scores": scores, "hidden": hidden} if container.endswith("dict") else [scores, hidden]
            return keras.Model(x, outputs)
        if container == "huggingface":
            pytest.importorskip("transformers")
            from transformers.modeling_outputs import SequenceClassifierOutput

            return self.model(lambda *g: SequenceClassifierOutput(None, *heads(*g)))
        make: Any = {
            "dict": lambda scores, hidden: {"scores": scores, "hidden": hidden},
            "named tuple": namedtuple("Heads", HEADS),
            "dataclass": make_dataclass("Heads", HEADS),
            "tuple": lambda *parts: parts,
            "list": lambda *parts: list(parts),
        }[container]
        return self.model(lambda *g: make(*heads(*g)))


@pytest.fixture(params=["torch", "keras"])
def kit(request: pytest.FixtureRequest) -> Kit:
    pytest.importorskip(request.param)
    return Kit(request.param)


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(4, 3))


def integrated(x: np.ndarray, gradient: Any) -> np.ndarray:
    """x times the mean gradient along the path from zero, by Gauss's rule."""
    return x * sum(weight / 2 * gradient((node + 1) / 2 * x) for node, weight in zip(NODES, WEIGHTS, strict=True))


def scores_by_hand(x: np.ndarray, column: Any) -> np.ndarray:
    return integrated(x, lambda at: ((1 - np.tanh(at @ INTO) ** 2) * OUT.T[column]) @ INTO.T)


@pytest.mark.parametrize("place", range(6))
def test_a_column_of_a_head(kit: Kit, x: np.ndarray, place: int) -> None:
    if place >= len(CONTAINERS[kit.name]):
        pytest.skip("no more containers")
    container = CONTAINERS[kit.name][place]
    head: Any = {"huggingface": "logits", "tuple": 0, "list": 0}.get(container, "scores")
    found = explain(kit.two_heads(container), x, target={"head": head, "column": 1}, tolerance=1e-6)
    np.testing.assert_allclose(found.attributions, scores_by_hand(x, 1), atol=1e-6)
    np.testing.assert_allclose(found.output, (np.tanh(x @ INTO) @ OUT)[:, 1], atol=1e-6)


def test_columns_of_a_head_in_every_form(kit: Kit, x: np.ndarray) -> None:
    model = kit.two_heads("dict")
    scores = np.tanh(x @ INTO) @ OUT
    best = scores.argmax(1)
    assert np.unique(best).size == 2
    for column in (best, best.tolist(), best[:, None], "predicted"):
        found = explain(model, x, target={"head": "scores", "column": column}, tolerance=1e-6)
        np.testing.assert_allclose(found.output, scores.max(1), atol=1e-12)
        np.testing.assert_allclose(found.attributions, scores_by_hand(x, best), atol=1e-6)
    every = explain(model, x, target={"head": "scores", "column": "all"}, tolerance=1e-6)
    for column in (0, 1):
        np.testing.assert_allclose(every.attributions[:, column], scores_by_hand(x, column), atol=1e-6)
    by_place = explain(model, x, target={"head": 0, "column": 1}, tolerance=1e-6)
    np.testing.assert_allclose(by_place.attributions, scores_by_hand(x, 1), atol=1e-6)


def test_messages_lead_out(kit: Kit, x: np.ndarray) -> None:
    model = kit.two_heads("dict")
    with pytest.raises(TargetError, match=r"name one of the model's outputs, target=\{'head': 'scores', 'column': "):
        explain(model, x, target=1)
    with pytest.raises(TargetError, match=r"output 'scores' has 2 columns; .*, target=\{'head': 'scores', 'column': "):
        explain(model, x, target="scores")
    with pytest.raises(TargetError, match="the model has no output 'score'; did you mean 'scores'"):
        explain(model, x, target={"head": "score", "column": 1})
    with pytest.raises(TargetError, match="it has no 'colum'; did you mean 'column'"):
        explain(model, x, target={"head": "scores", "colum": 1})
    with pytest.raises(TargetError, match="column 'first' is a name; columns are numbers"):
        explain(model, x, target={"head": "scores", "column": "first"})
    with pytest.raises(TargetError, match=r"head True is neither the name of an output nor its place"):
        explain(model, x, target={"head": True})
    unnamed = kit.two_heads("tuple")
    with pytest.raises(TargetError, match=r"returns 2 outputs without names; choose one, target=\{'head': 0, 'column'"):
        explain(unnamed, x, target=1)
    with pytest.raises(TargetError, match="'scores' is not one of them"):
        explain(unnamed, x, target="scores")


def products(x: Any, tensor: Any, ops: Any) -> Any:
    """(rows, 3, 2): tanh(x A) times x B."""
    return ops.tanh(ops.matmul(x, tensor(A)))[:, :, None] * ops.matmul(x, tensor(B))[:, None, :]


def product_by_hand(x: np.ndarray, first: Any, second: Any) -> np.ndarray:
    rows = np.arange(len(x))
    first, second = np.broadcast_to(first, len(x)), np.broadcast_to(second, len(x))

    def gradient(at: np.ndarray) -> np.ndarray:
        inner, outer = np.tanh(at @ A)[rows, first], (at @ B)[rows, second]
        return ((1 - inner**2) * outer)[:, None] * A.T[first] + inner[:, None] * B.T[second]

    return integrated(x, gradient)


@pytest.mark.parametrize(
    "target", [(2, 1), {"column": (2, 1)}, {"position": 2, "column": 1}, {"position": -1, "column": 1}]
)
def test_a_place_in_an_output_of_more_axes(kit: Kit, x: np.ndarray, target: Any) -> None:
    found = explain(kit.model(products), x, target=target, tolerance=1e-6)
    np.testing.assert_allclose(found.attributions, product_by_hand(x, 2, 1), atol=1e-6)


def test_a_place_per_row(kit: Kit, x: np.ndarray) -> None:
    places = np.array([[0, 1], [2, 0], [1, 1], [2, 1]])
    right, model = product_by_hand(x, *places.T), kit.model(products)
    by_position = {"position": places[:, 0], "column": places[:, 1]}
    for target in (places, places.tolist(), [tuple(place) for place in places.tolist()], by_position):
        found = explain(model, x, target=target, tolerance=1e-6)
        np.testing.assert_allclose(found.attributions, right, atol=1e-6)


def test_columns_at_a_position(kit: Kit, x: np.ndarray) -> None:
    best = (np.tanh(x @ A)[:, 1, None] * (x @ B)).argmax(1)
    found = explain(kit.model(products), x, target={"position": 1, "column": "predicted"}, tolerance=1e-6)
    np.testing.assert_allclose(found.attributions, product_by_hand(x, 1, best), atol=1e-6)
    every = explain(kit.model(products), x, target={"position": 1, "column": "all"}, tolerance=1e-6)
    np.testing.assert_allclose(every.attributions[:, 0], product_by_hand(x, 1, 0), atol=1e-6)


def test_trailing_axes_of_one_do_not_count(kit: Kit, x: np.ndarray) -> None:
    sequence = kit.model(lambda at, tensor, ops: ops.tanh(ops.matmul(at, tensor(A)))[:, :, None])
    columns = [explain(sequence, x, target=target).attributions for target in (1, (1,), {"position": 1})]
    right = integrated(x, lambda at: (1 - np.tanh(at @ A) ** 2)[:, 1:2] * A.T[1])
    for found in columns:
        np.testing.assert_allclose(found, right, rtol=0.02, atol=1e-3)


NOT_THERE: list[tuple[Any, str]] = [
    (None, r"output has shape \(rows, 3, 2\); give one number per axis, target=\(0, 0\), or an array \(rows, 2\)"),
    (1, r"give one number per axis, target=\(0, 0\)"),
    ("all", r"give one number per axis, target=\(0, 0\)"),
    ((3, 1), "3 is not there on axis 1 of the output, which has 3"),
    ((2, -1), "-1 is not there on axis 2 of the output, which has 2"),
    ({"position": 3, "column": 0}, "position 3 is not there; the output has 3 positions"),
    ({"position": 0}, "the output has 2 columns"),
    ({"position": 0, "column": 2}, "column 2 is not there; the model has 2: 0 to 1"),
]


def test_places_that_are_not_there(kit: Kit, x: np.ndarray) -> None:
    model = kit.model(products)
    for target, message in NOT_THERE:
        with pytest.raises(TargetError, match=message):
            explain(model, x, target=target)


def test_a_vector_has_no_positions(kit: Kit, x: np.ndarray) -> None:
    with pytest.raises(TargetError, match=r"the output has shape \(rows, 2\), and no positions; give a column alone"):
        explain(kit.model(lambda at, tensor, ops: ops.matmul(at, tensor(B))), x, target={"position": 0})


@pytest.mark.parametrize("rows", [1, 3])
def test_squeeze_at_the_end(kit: Kit, x: np.ndarray, rows: int) -> None:
    few = x[:rows]
    alone = kit.model(lambda at, tensor, ops: ops.squeeze(ops.tanh(ops.matmul(at, tensor(A[:, :1])))))
    right = integrated(few, lambda at: (1 - np.tanh(at @ A[:, :1]) ** 2) * A[:, 0])
    found = explain(alone, few, tolerance=1e-6)
    assert found.output.shape == (rows,)
    np.testing.assert_allclose(found.attributions, right, atol=1e-6)
    both = kit.model(lambda at, tensor, ops: ops.squeeze(ops.matmul(at, tensor(B))[:, None]))
    np.testing.assert_allclose(explain(both, few, target=1).attributions, few * B[:, 1], atol=1e-12)
    every = explain(both, few, target="all").attributions
    np.testing.assert_allclose(every, few[:, None] * B.T, atol=1e-12)
    kinked = kit.model(
        lambda at, tensor, ops: ops.squeeze(ops.matmul(ops.relu(ops.matmul(at, tensor(A))), tensor(A[:, :1])))
    )
    # A ReLU of something linear through zero does not bend along the path from zero.
    right = few * ((few @ A > 0) * A[:, 0] @ A.T)
    np.testing.assert_allclose(explain(kinked, few).attributions, right, rtol=0.01)


def test_a_model_that_mixes_rows_is_refused(kit: Kit, x: np.ndarray) -> None:
    with pytest.raises(ModelError, match=r"a single number came out; it mixes rows"):
        explain(kit.model(lambda at, tensor, ops: ops.sum(at)), x)


def test_targets_as_tensors(kit: Kit, x: np.ndarray) -> None:
    model = kit.model(lambda at, tensor, ops: ops.tanh(ops.matmul(at, tensor(B))))
    per_row = np.array([0, 1, 1, 0])
    if kit.name == "torch":
        import torch

        one, several = torch.tensor(1), torch.tensor(per_row)
    else:
        import tensorflow as tf

        one, several = tf.constant(1), tf.constant(per_row)
    np.testing.assert_array_equal(explain(model, x, target=one).attributions, explain(model, x, target=1).attributions)
    found, right = explain(model, x, target=several), explain(model, x, target=per_row)
    np.testing.assert_array_equal(found.attributions, right.attributions)
    nested = explain(model, x, target={"column": several})
    np.testing.assert_array_equal(nested.attributions, right.attributions)


def test_judged_and_diagnosed_by_head(kit: Kit, x: np.ndarray) -> None:
    model, target = kit.two_heads("dict"), {"head": "scores", "column": 1}
    judged = judge_baselines(model, x, baselines=["zero"], target=target)
    right = np.abs(scores_by_hand(x, 1)).mean(0)
    np.testing.assert_allclose(judged.findings[0].abs_mean, right, rtol=0.1)
    assert not diagnose(model, x, target=target).zero
