"""Keras models: functional, nested and subclassed ones are seen through their graph; nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ig_tasks import diagnose
from ig_tasks.doctor import Diagnosis
from ig_tasks.errors import LayerError

keras = pytest.importorskip("keras")
layers, ops = keras.layers, keras.ops

ROWS = {
    "num": np.linspace(-1.0, 1.0, 18).reshape(6, 3).astype(np.float32),
    "cat": np.array([1, 0, 3, 2, 4, 1]),
}


def tabular(dtype: str = "int64") -> Any:
    num, cat = keras.Input((3,), name="num"), keras.Input((), name="cat", dtype=dtype)
    joined = layers.Concatenate()([num, layers.Embedding(5, 2, name="embed_cat")(cat)])
    return keras.Model({"num": num, "cat": cat}, layers.Dense(1, name="body")(joined))


def through(function: Callable[[Any], Any]) -> Any:
    num = keras.Input((3,), name="num")
    between = function(layers.Dense(3, name="before")(num))
    return keras.Model(num, layers.Dense(1, name="after")(between))


class Own(keras.Model):
    """Numbers beside an embedded category; layers are called from Python."""

    def __init__(self) -> None:
        super().__init__()
        self.embed_cat, self.body = layers.Embedding(5, 2, name="embed_cat"), layers.Dense(1, name="body")

    def call(self, inputs: Any) -> Any:
        return self.body(ops.concatenate([inputs["num"], self.embed_cat(inputs["cat"])], axis=1))


def only(diagnosis: Diagnosis, name: str) -> Any:
    return next(each for each in diagnosis.inputs if each.name == name)


@pytest.mark.parametrize(
    "make", [tabular, lambda: tabular("float32"), Own], ids=["functional", "float ids", "subclassed"]
)
def test_an_embedding_is_proposed_by_name_with_its_size(make: Callable[[], Any]) -> None:
    found = diagnose(make(), ROWS)
    num, cat = only(found, "num"), only(found, "cat")
    assert (num.shape, num.dtype, num.differentiable, num.why) == ((3,), "float32", True, "")
    assert (cat.shape, cat.differentiable) == ((), False)
    assert cat.why == "integer ids, embedded by embed_cat"
    assert [str(each) for each in cat.candidates] == ["embed_cat (5 x 2)"]
    assert found.proposal == "inputs:\n  cat:\n    layer: embed_cat\n"
    assert (found.framework, found.zero, found.dependent, found.problems) == ("tensorflow", (), (), ())
    assert diagnose(make(), ROWS, layers=found.layers).silent


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("embed_kat", "the model has no layer 'embed_kat'; did you mean 'embed_cat'?"),
        ("body", "'body' does not embed this input: it is not called with its values"),
    ],
)
def test_a_wrong_entry_is_one_line_with_the_right_one(layer: str, message: str) -> None:
    with pytest.raises(LayerError) as error:
        diagnose(tabular(), ROWS, layers={"cat": layer}).require()
    assert str(error.value).startswith(f"inputs.cat.layer: {message}")
    assert str(error.value).endswith("; in model.yaml: inputs.cat.layer: embed_cat")


def test_one_embedding_may_serve_two_inputs() -> None:
    origin, destination = (keras.Input((), name=name, dtype="int64") for name in ("origin", "destination"))
    airport = layers.Embedding(9, 4, name="airport")
    joined = layers.Concatenate()([airport(origin), airport(destination)])
    model = keras.Model({"origin": origin, "destination": destination}, layers.Dense(1)(joined))
    found = diagnose(model, {"origin": np.array([1, 2, 3]), "destination": np.array([4, 5, 8])})
    assert found.layers == {"origin": "airport", "destination": "airport"}
    assert (found.problems, found.dependent, found.zero) == ((), (), ())


def test_embeddings_in_nested_models_are_found() -> None:
    ids = keras.Input((4,), dtype="int64")
    inner = keras.Model(ids, layers.Embedding(20, 4, name="words")(ids), name="encoder")
    text = keras.Input((4,), name="text", dtype="int64")
    model = keras.Model(text, layers.Dense(1)(layers.GlobalAveragePooling1D()(inner(text))))
    found = diagnose(model, {"text": np.arange(12).reshape(3, 4)})
    assert found.layers == {"text": "words"}


def test_strings_are_said_with_the_layer_that_looks_them_up() -> None:
    name = keras.Input((1,), name="carrier", dtype="string")
    num = keras.Input((2,), name="num")
    ids = layers.StringLookup(vocabulary=["AA", "UA"], name="lookup")(name)
    vectors = layers.Flatten()(layers.Embedding(3, 2, name="embed_carrier")(ids))
    model = keras.Model({"carrier": name, "num": num}, layers.Dense(1)(layers.Concatenate()([vectors, num])))
    found = diagnose(model, {"carrier": np.array([["AA"], ["UA"], ["XX"]]), "num": np.ones((3, 2), np.float32)})
    carrier = only(found, "carrier")
    assert (carrier.dtype, carrier.differentiable) == ("string", False)
    assert (
        carrier.why
        == "strings, looked up in layer 'lookup'; a path cannot start there: give the ids that they stand for"
    )
    assert carrier.candidates[0].layer == "embed_carrier"
    assert carrier.candidates[0].why.startswith("takes ids that the model makes of it")
    assert found.layers == {}


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (ops.stop_gradient, "detach or no_grad ('StopGradient"),
        (lambda z: ops.one_hot(ops.argmax(z, axis=-1), 3), "an arg-max ('ArgMax"),
        (ops.round, "rounding ('Round"),
        (lambda z: ops.cast(z > 0, "float32"), "a comparison ('Greater"),
        (lambda z: ops.cast(ops.cast(z, "int32"), "float32"), "a cast to integers ('Cast"),
    ],
)
def test_where_a_numbers_gradient_is_lost(function: Callable[[Any], Any], why: str) -> None:
    (num,) = diagnose(through(function), {"num": ROWS["num"]}).inputs
    assert not num.differentiable
    assert num.why.startswith(f"its gradients are lost at {why}")


def test_one_hot_inside_the_model_is_said() -> None:
    class Spread(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.head = layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            return self.head(ops.concatenate([inputs["num"], ops.one_hot(inputs["cat"], 5)], axis=1))

    found = diagnose(Spread(), ROWS)
    assert only(found, "cat").why.startswith("integer ids, read by one-hot encoding (")
    assert found.layers == {}


def test_a_lookup_without_a_layer_is_said() -> None:
    class Table(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.head = self.add_weight(shape=(5, 2), name="table"), layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            return self.head(ops.concatenate([inputs["num"], ops.take(self.table, inputs["cat"], axis=0)], axis=1))

    found = diagnose(Table(), ROWS)
    assert only(found, "cat").why.startswith("integer ids, read by a lookup in a table (")
    assert found.layers == {}


def test_features_that_would_have_no_attribution_are_named_with_the_reason() -> None:
    num, unused = keras.Input((3,), name="num"), keras.Input((2,), name="unused")
    output = num[:, :1] + ops.round(num[:, 1:2])
    model = keras.Model({"num": num, "unused": unused}, output)
    found = diagnose(model, {"num": ROWS["num"] * 3, "unused": ROWS["num"][:, :2]})
    why = {each.name: each.why for each in found.zero}
    assert list(why) == ["num[1]", "num[2]", "unused"]
    assert why["num[1]"].startswith("the output changes with it, by steps that have no gradient")
    assert why["num[2]"] == "the output does not change with it on the rows that were tried"
    assert why["unused"] == "no output depends on it"


def test_layers_that_depend_on_each_other_are_refused_together() -> None:
    a, b = (keras.Input((), name=name, dtype="int64") for name in "ab")
    first = layers.Embedding(5, 2, name="first")(a)
    code = b + ops.cast(0.0 * ops.sum(first, axis=1), "int64")
    second = layers.Embedding(5, 2, name="second")(code)
    model = keras.Model({"a": a, "b": b}, layers.Dense(1)(layers.Concatenate()([first, second])))
    found = diagnose(model, {"a": np.arange(4), "b": np.arange(1, 5)}, layers={"a": "first", "b": "second"})
    assert found.dependent == (("first", "second"),)
    assert any("'first' and 'second' depend on each other" in each for each in found.problems)


def test_the_model_is_untouched_after_an_exception() -> None:
    class Raising(Own):
        calls = 0

        def call(self, inputs: Any) -> Any:
            found = super().call(inputs)
            self.calls += 1
            if self.calls > 1:
                raise ArithmeticError("in the middle")
            return found

    model = Raising()
    with pytest.raises(ArithmeticError, match="in the middle"):
        diagnose(model, ROWS)
    assert as_found(model)
    model = tabular()
    model.get_layer("body").trainable = False
    before = [np.asarray(weight).copy() for weight in model.weights]
    diagnose(model, ROWS, layers={"cat": "embed_cat"})
    assert as_found(model)
    assert [layer.trainable for layer in model.layers if layer.name in ("embed_cat", "body")] == [True, False]
    assert all(np.array_equal(one, np.asarray(other)) for one, other in zip(before, model.weights, strict=True))


def as_found(model: Any) -> bool:
    return not any("call" in vars(layer) for layer in model._flatten_layers())


def test_codes_in_a_matrix_of_floats_stay_inside_their_tables() -> None:
    keras.utils.set_random_seed(0)
    x = keras.Input((4,), name="x")
    codes = [keras.layers.Embedding(size, 2)(keras.ops.cast(x[:, place], "int32")) for place, size in enumerate((3, 4))]
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.Concatenate()([x[:, 2:], *codes])))
    for seed in range(4):
        rng = np.random.default_rng(seed)
        rows = np.column_stack([rng.integers(0, 3, 6), rng.integers(0, 4, 6), rng.normal(size=(6, 2))])
        constant = rows.copy()
        constant[:, :2] = [0, 3]
        for given in (rows, constant):
            found = diagnose(model, given.astype(np.float32))
            assert [each.name for each in found.zero] == ["x[0]", "x[1]"]
            assert all("by steps that have no gradient" in each.why for each in found.zero)
