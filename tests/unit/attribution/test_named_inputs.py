"""Tuples and lists of arrays are the model's positional inputs; what is passed on goes as it was given."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest

from ig_tasks import diagnose, explain, judge_baselines
from ig_tasks.attribution.named_inputs import NamedInputs, as_array
from ig_tasks.baselines.arrays import Samples
from ig_tasks.errors import BaselineError, InputError

VALUE, GATE = np.random.default_rng(5).normal(size=(3, 6)), np.random.default_rng(6).normal(size=(2, 6))
NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)


def gated(kit: Any, form: str = "named") -> Any:
    """sum((first VALUE) * tanh(second GATE)), or of first alone; `form` is how it takes its inputs."""
    if kit.name == "torch":
        import torch

        value, gate = torch.tensor(VALUE), torch.tensor(GATE)

        class Model(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.scale = torch.nn.Parameter(torch.ones((), dtype=torch.float64))

            def forward(self, first: Any, second: Any = None, *, power: float = 1.0) -> Any:
                product = first @ value * self.scale
                product = product if second is None else product * torch.tanh(second[:, :2] @ gate)
                return (product**power).sum(1)

        class Variadic(Model):
            def forward(self, *args: Any) -> Any:
                return super().forward(*args)

        class Only(Model):
            def forward(self, first: Any, second: Any, /) -> Any:
                return super().forward(first, second)

        return {"named": Model, "any": Variadic, "only": Only}[form]()
    import keras

    value, gate = VALUE, GATE

    class Layers(keras.Model):
        def call(self, first: Any, second: Any = None, power: float = 1.0, training: bool = False) -> Any:
            assert not training
            product = keras.ops.matmul(first, value)
            if second is not None:
                product = product * keras.ops.tanh(keras.ops.matmul(second[:, :2], gate))
            return keras.ops.sum(product**power, axis=1)

    class Variadic(Layers):
        def call(self, *args: Any) -> Any:
            return super().call(*args)

    class Unpacked(Layers):
        def call(self, inputs: Any) -> Any:
            return super().call(*inputs)

    return {"named": Layers, "any": Variadic, "only": Unpacked}[form](dtype="float64")


def by_hand(first: Any, second: Any, starts: Any = (0.0, 0.0)) -> list[np.ndarray]:
    """Integrated gradients of the gated sum by Gauss's rule and the closed gradients."""
    endpoints = first, second
    begin = [np.broadcast_to(np.asarray(start, float), end.shape) for start, end in zip(starts, endpoints, strict=True)]
    total = [np.zeros_like(first), np.zeros_like(second)]
    for node, weight in zip((NODES + 1) / 2, WEIGHTS / 2, strict=True):
        one, two = (b + node * (e - b) for b, e in zip(begin, (first, second), strict=True))
        slope = np.tanh(two @ GATE)
        total[0] += weight * (slope @ VALUE.T)
        total[1] += weight * (((one @ VALUE) * (1 - slope**2)) @ GATE.T)
    return [(end - start) * part for end, start, part in zip((first, second), begin, total, strict=True)]


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(4, 3)), rng.normal(size=(4, 2))


@pytest.mark.parametrize("form", ["named", "any", "only"])
@pytest.mark.parametrize("several", [tuple, list])
def test_a_tuple_is_the_positional_inputs(kit: Any, pair: Any, form: str, several: Any) -> None:
    found = explain(gated(kit, form), several(pair), tolerance=1e-6)
    assert [part.shape for part in found.attributions.values()] == [(4, 3), (4, 2)]
    for came, right in zip(found.attributions.values(), by_hand(*pair), strict=True):
        np.testing.assert_allclose(came, right, atol=1e-6)
    names = {"named": ["first", "second"], "any": ["args[0]", "args[1]"]}
    names["only"] = ["first", "second"] if kit.name == "torch" else ["inputs[0]", "inputs[1]"]
    assert list(found.attributions) == names[form]
    assert found.features[0] == f"{names[form][0]}[0]"


def test_inputs_of_one_shape_are_no_batch(kit: Any, pair: Any) -> None:
    alike = pair[0], np.concatenate([pair[1], np.full((4, 1), 9.0)], axis=1)
    first, second = explain(gated(kit), alike, tolerance=1e-6).attributions.values()
    right = by_hand(*pair)
    np.testing.assert_allclose(first, right[0], atol=1e-6)
    np.testing.assert_allclose(second, np.concatenate([right[1], np.zeros((4, 1))], axis=1), atol=1e-6)


HALF = (0.5, [0.1, -0.2])


@pytest.mark.parametrize(
    "baseline", [HALF, [np.full((4, 3), 0.5), np.array(HALF[1])], {"first": 0.5, "second": HALF[1]}]
)
def test_baselines_in_the_same_order(kit: Any, pair: Any, baseline: Any) -> None:
    found = explain(gated(kit), pair, baseline=baseline, tolerance=1e-6)
    for came, right in zip(found.attributions.values(), by_hand(*pair, (0.5, [0.1, -0.2])), strict=True):
        np.testing.assert_allclose(came, right, atol=1e-6)


def test_a_number_is_the_baseline_of_every_input(kit: Any, pair: Any) -> None:
    for baseline in (0.25, np.float32(0.25), np.array(0.25)):
        found = explain(gated(kit), pair, baseline=baseline, tolerance=1e-6)
        for came, right in zip(found.attributions.values(), by_hand(*pair, (0.25, 0.25)), strict=True):
            np.testing.assert_allclose(came, right, atol=1e-6)
    zero, none = (explain(gated(kit), pair, baseline=baseline) for baseline in ("zero", None))
    part = explain(gated(kit), pair, baseline=(None, 0.0))
    for name, right in zero.attributions.items():
        np.testing.assert_array_equal(none.attributions[name], right)
        np.testing.assert_array_equal(part.attributions[name], right)


def test_samples_and_reference_in_the_same_order(kit: Any, pair: Any) -> None:
    several = Samples((pair[0][:2], pair[1][:2]))
    found = explain(gated(kit), pair, baseline=several, tolerance=1e-6)
    each = [by_hand(*pair, (pair[0][k], pair[1][k])) for k in range(2)]
    for came, *right in zip(found.attributions.values(), *each, strict=True):
        np.testing.assert_allclose(came, np.mean(right, axis=0), atol=1e-6)
    mean = explain(gated(kit), pair, baseline="mean", reference=pair, tolerance=1e-6)
    for came, right in zip(mean.attributions.values(), by_hand(*pair, [p.mean(0) for p in pair]), strict=True):
        np.testing.assert_allclose(came, right, atol=1e-6)


@pytest.mark.parametrize("baseline", [(0.0,), (0.0, 0.0, 0.0)])
def test_baselines_of_another_number(kit: Any, pair: Any, baseline: Any) -> None:
    with pytest.raises(BaselineError, match=r"baseline: \d are given for 2 inputs \(first, second\); give one"):
        explain(gated(kit), pair, baseline=baseline)


def test_a_tuple_of_one_array(kit: Any, pair: Any) -> None:
    found = explain(gated(kit), (pair[0],))
    np.testing.assert_allclose(found.attributions["first"], pair[0] * (VALUE.sum(1)), atol=1e-12)
    beside = explain(gated(kit), (pair[0],), fixed={"second": pair[1]})
    right = pair[0] * (np.tanh(pair[1] @ GATE) @ VALUE.T)
    np.testing.assert_allclose(beside.attributions["first"], right, atol=1e-12)
    alone = explain(gated(kit), pair[0], fixed={"second": pair[1]})
    np.testing.assert_allclose(alone.attributions, right, atol=1e-12)


def test_none_is_passed_on(kit: Any, pair: Any) -> None:
    found = explain(gated(kit), (pair[0], None))
    assert list(found.attributions) == ["first"]
    np.testing.assert_allclose(found.attributions["first"], pair[0] * VALUE.sum(1), atol=1e-12)


class Power:
    """A constant that no array holds, and that has no hash."""

    __hash__ = None  # type: ignore[assignment]

    def __rpow__(self, other: Any) -> Any:
        return other**2


@pytest.mark.parametrize("power", [2.0, np.array(2.0), Power()])
def test_constants_of_any_kind_are_passed_on(kit: Any, pair: Any, power: Any) -> None:
    found = explain(gated(kit), pair[0], fixed={"power": power, "second": None}, tolerance=1e-6)
    product = pair[0] @ VALUE
    np.testing.assert_allclose(found.output, (product**2).sum(1), atol=1e-12)
    np.testing.assert_allclose(found.attributions, pair[0] * (product @ VALUE.T), atol=1e-6)


def test_named_tuples_go_by_their_names(kit: Any, pair: Any) -> None:
    same, foreign = namedtuple("Same", "first second"), namedtuple("Foreign", "age gate")
    for inputs in (same(*pair), foreign(*pair)):
        assert list(explain(gated(kit), inputs).attributions) == ["first", "second"]
    swapped = namedtuple("Swapped", "second first")
    with pytest.raises(InputError, match=r"'second' is at position 0 of the named tuple, and at 1 of the model"):
        explain(gated(kit), swapped(pair[1], pair[0]))


def test_plain_lists_of_numbers_are_one_array(kit: Any, layers_of: Any) -> None:
    model = kit.dense(layers_of(3, 4, 1))
    for inputs in ([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], ([1.0, 2.0, 3.0], (4.0, 5.0, 6.0))):
        assert explain(model, inputs).attributions.shape == (2, 3)


def test_what_a_tuple_cannot_be(kit: Any, pair: Any, layers_of: Any) -> None:
    dense = kit.dense(layers_of(3, 4, 1))
    with pytest.raises(InputError, match=r"2 arrays are 2 positional inputs, and the model takes 1 .*numpy\.stack"):
        explain(dense, (pair[0], pair[0]))
    with pytest.raises(InputError, match=r"inputs\[1\]: 'second' is 0\.5, not rows; .*fixed=\{'second': 0\.5\}"):
        explain(gated(kit), (pair[0], 0.5))
    with pytest.raises(InputError, match=r"inputs\[1\]: 'second' is a tuple of arrays; give one array per input"):
        explain(gated(kit), (pair[0], pair))
    with pytest.raises(InputError, match="its rows differ in length; pad them to one length"):
        explain(dense, [[1.0, 2.0, 3.0], [4.0, 5.0]])
    with pytest.raises(InputError, match=r"fixed: 'second' has shape \(7, 2\).*functools\.partial\(model, second="):
        explain(gated(kit), pair[0], fixed={"second": np.ones((7, 2))})


def test_judged_and_diagnosed_alike(kit: Any, pair: Any) -> None:
    model = gated(kit)
    judged = judge_baselines(model, pair, baselines={"half": (0.5, 0.5), "zero": None})
    assert [each.name for each in judged.findings] == ["half", "zero"]
    assert judged.features == ("first[0]", "first[1]", "first[2]", "second[0]", "second[1]")
    for form in ("named", "any", "only"):
        seen = diagnose(gated(kit, form), pair)
        assert [each.differentiable for each in seen.inputs] == [True, True], form
        assert not seen.problems, form
        assert not seen.zero, form
    assert [each.name for each in diagnose(model, pair[0], fixed={"second": pair[1], "power": 2.0}).inputs] == [
        "inputs"
    ]


def test_unnamed_keras_inputs_by_position_and_printed_name(pair: Any) -> None:
    keras = pytest.importorskip("keras")
    first, second = keras.Input((3,), dtype="float64"), keras.Input((2,), dtype="float64")
    product = keras.ops.matmul(first, VALUE) * keras.ops.tanh(keras.ops.matmul(second, GATE))
    model = keras.Model([first, second], keras.ops.sum(product, axis=1))
    by_width = {layer.output.shape[-1]: layer.name for layer in model.layers if hasattr(layer, "batch_shape")}
    printed = [by_width[3], by_width[2]]
    own = [tensor.name for tensor in model.inputs]
    assert printed != own
    for inputs in (pair, dict(zip(printed, pair, strict=True)), dict(zip(own, pair, strict=True))):
        found = explain(model, inputs, tolerance=1e-6)
        assert list(found.attributions) == (own if isinstance(inputs, dict) and own[0] in inputs else printed)
        for came, right in zip(found.attributions.values(), by_hand(*pair), strict=True):
            np.testing.assert_allclose(came, right, atol=1e-6)
    assert [each.name for each in diagnose(model, pair).inputs] == printed
    layered = keras.Model([first, second], keras.layers.Dense(1)(keras.layers.Concatenate()([first, second])))
    double = explain(layered, dict(zip(printed, pair, strict=True)), precision="float64")
    assert list(double.attributions) == printed
    with pytest.raises(InputError, match=rf"the model takes 2, {printed[0]}, {printed[1]}; give a dict by input name"):
        explain(model, pair[0])


def test_a_keras_model_built_from_a_dict_has_no_order(kits: Any) -> None:
    with pytest.raises(InputError, match="was built from a dict, so that its inputs go by name: 'num', 'cat'"):
        explain(kits[1].tabular(), (np.ones((2, 3)), np.zeros(2, int)))


def test_keywords_of_a_keras_call(rng: np.random.Generator) -> None:
    keras = pytest.importorskip("keras")

    class Masked(keras.Model):
        def call(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
            assert training is False
            kept = inputs if mask is None else inputs * keras.ops.cast(mask, inputs.dtype)
            return keras.ops.sum(kept**2, axis=1)

    x, mask = rng.normal(size=(4, 3)), np.array([[True, False, True]] * 4)
    model = Masked(dtype="float64")
    model.supports_masking = True
    found = explain(model, x, fixed={"mask": mask, "training": False}, tolerance=1e-6)
    np.testing.assert_allclose(found.attributions, mask * x**2, atol=1e-9)
    with pytest.raises(InputError, match="fixed: 'training' is False wherever a model is explained; leave it out"):
        explain(model, x, fixed={"training": True})
    with pytest.raises(InputError, match="the model takes no 'maks'; did you mean 'mask'"):
        explain(model, x, fixed={"maks": mask})


def test_scripted_and_traced_modules_have_positions(pair: Any) -> None:
    torch = pytest.importorskip("torch")
    bilinear = torch.nn.Bilinear(3, 2, 1).double()
    scripted = torch.jit.script(bilinear)
    traced = torch.jit.trace(bilinear, tuple(torch.tensor(part) for part in pair))
    plain = explain(bilinear, pair, tolerance=1e-6)
    for model in (scripted, traced):
        found = explain(model, pair, tolerance=1e-6)
        for came, right in zip(found.attributions.values(), plain.attributions.values(), strict=True):
            np.testing.assert_allclose(came, right, atol=1e-9)


def test_tensors_of_a_graph(pair: Any, kits: Any) -> None:
    torch = pytest.importorskip("torch")
    on_graph = [torch.tensor(part, requires_grad=True) * 1.0 for part in pair]
    found = explain(gated(kits[0]), on_graph, baseline=[tensor * 0 for tensor in on_graph], tolerance=1e-6)
    for came, right in zip(found.attributions.values(), by_hand(*pair), strict=True):
        np.testing.assert_allclose(came, right, atol=1e-6)


def test_half_wide_and_sparse_arrays() -> None:
    torch, sparse = pytest.importorskip("torch"), pytest.importorskip("scipy.sparse")
    np.testing.assert_array_equal(as_array(torch.tensor([1.5, 2.0], dtype=torch.bfloat16), "x"), [1.5, 2.0])
    for value, remedy in ((sparse.csr_matrix(np.eye(2)), "toarray"), (torch.eye(2).to_sparse(), "to_dense")):
        with pytest.raises(InputError, match=rf"^x: it is sparse .*; give it dense, \.{remedy}\(\)"):
            as_array(value, "x")


def test_half_wide_sparse_and_ragged_tensors_of_tensorflow() -> None:
    tf = pytest.importorskip("tensorflow")
    np.testing.assert_array_equal(as_array(tf.constant([1.5, 2.0], tf.bfloat16), "x"), [1.5, 2.0])
    for value, remedy in (
        (tf.sparse.eye(2), r"tf\.sparse\.to_dense"),
        (tf.ragged.constant([[1], [2]]), "to_tensor"),
    ):
        with pytest.raises(InputError, match=f"^x: it is sparse .*{remedy}"):
            as_array(value, "x")


def test_what_is_no_array(pair: Any) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(3, 1).double()
    for nothing in (None, (), [], {}):
        with pytest.raises(InputError, match=r"inputs: no inputs; give an array \(rows, \.\.\.\)"):
            explain(model, nothing)
    with pytest.raises(InputError, match="generator is not an array; give one"):
        explain(model, (row for row in pair[0]))
    with pytest.raises(InputError, match=r"masked array, whose gaps .*; fill them, \.filled"):
        explain(model, np.ma.masked_greater(pair[0], 0.0))
    with pytest.raises(InputError, match=r"is not an array .*meta"):
        explain(model, torch.empty(2, 3, device="meta"))


def test_a_baseline_in_a_tuple_of_one(kit: Any, pair: Any, layers_of: Any) -> None:
    model, baseline = kit.dense(layers_of(3, 4, 1)), np.full((4, 3), 0.5)
    plain, wrapped = explain(model, pair[0], baseline=baseline), explain(model, pair[0], baseline=(baseline,))
    np.testing.assert_array_equal(wrapped.attributions, plain.attributions)


def test_one_array_for_two_inputs() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match=r"the model takes 2, input1, input2; give a tuple in this order, or a dict"):
        explain(torch.nn.Bilinear(3, 2, 1), np.ones((4, 3)))


@pytest.mark.parametrize(
    ("inputs", "names", "in_form"),
    [
        (np.ones((2, 3)), ["inputs"], 7),
        ({"a": np.ones((2, 3))}, ["a"], {"a": 7}),
        ((np.ones((2, 3)),), ["first"], {"first": 7}),
    ],
    ids=["bare", "named", "positional"],
)
def test_results_come_back_in_the_form_of_the_inputs(kit: Any, inputs: Any, names: list[str], in_form: object) -> None:
    named = NamedInputs.of(gated(kit), inputs)
    assert list(named.arrays) == names
    by_name = dict.fromkeys(names, 7)
    assert named.as_given(by_name) == in_form
    assert named.by_name(in_form) == by_name
    assert named.rows == 2


def test_a_bare_array_has_the_name_that_it_is_given_and_is_called_x() -> None:
    named = NamedInputs.of(None, np.ones((2, 2)), bare_name="amounts")
    assert list(named.arrays) == ["amounts"]
    assert named.renamed({"inputs": "layer"}) == {"amounts": "layer"}
    assert named.element_names() == ["x[0]", "x[1]"]
    assert NamedInputs.of(None, {"amounts": np.ones(2)}).element_names() == ["amounts"]
