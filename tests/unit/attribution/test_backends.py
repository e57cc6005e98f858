"""What each framework brings of its own: precision, memory, recurrent nets, layers that are not plain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute, embed
from ig_tasks.attribution.backends import framework_of
from ig_tasks.errors import InputError, LayerError, ModelError

pytestmark = pytest.mark.graphs

ROWS = {"num": np.linspace(-1, 1, 15).reshape(5, 3), "cat": np.array([0, 5, 2, 2, 1])}
START = {"num": np.zeros(3), "cat": np.zeros(4)}
LAYERS = {"cat": "emb"}


def test_frameworks_are_told_apart(kit: Any, layers_of: Any) -> None:
    assert framework_of(kit.dense(layers_of(2, 1))) == kit.name
    assert framework_of("model") is None


def test_float64_precision_of_a_float32_model(kit: Any) -> None:
    model = kit.tabular("float32")
    exact = attribute(kit.tabular(), ROWS, START, layers=LAYERS, tolerance=1e-9)
    plain = attribute(model, ROWS, START, layers=LAYERS, tolerance=1e-3)
    found = attribute(model, ROWS, START, layers=LAYERS, tolerance=1e-9, precision="float64")
    assert found.details["precision"] == "float64"
    assert (found.status == "converged").all()
    # The weights are the float32 model's, so that it is this near to the float64 model and no nearer.
    np.testing.assert_allclose(found.attributions["num"], exact.attributions["num"], atol=2e-6)
    assert np.abs(found.convergence_delta).max() < 1e-8 < np.abs(plain.convergence_delta).max()


def test_bfloat16_says_what_it_misses(kits: Any) -> None:
    torch_kit, keras_kit = kits
    exact = attribute(torch_kit.tabular(), ROWS, START, layers=LAYERS)
    found = attribute(torch_kit.tabular("float32"), ROWS, START, layers=LAYERS, precision="bfloat16", max_evaluations=9)
    np.testing.assert_allclose(found.attributions["num"], exact.attributions["num"], atol=0.1)
    assert not np.allclose(found.attributions["num"], exact.attributions["num"], atol=1e-6)
    with pytest.raises(InputError, match="dtype policy; build it with 'mixed_bfloat16'"):
        attribute(keras_kit.tabular(), ROWS, START, layers=LAYERS, precision="bfloat16")


def test_a_mixed_precision_keras_model(kits: Any) -> None:
    import keras

    x = keras.Input((3,))
    hidden = keras.layers.Dense(4, "tanh", dtype="mixed_bfloat16")(x)
    model = keras.Model(x, keras.layers.Dense(1, dtype="float32")(hidden))
    found = attribute(model, ROWS["num"], np.zeros(3), tolerance=0.1)
    assert np.isfinite(found.attributions).all()


def test_a_subclassed_keras_model_has_no_float64_copy() -> None:
    import keras

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.out = keras.layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.out(x)

    with pytest.raises(InputError, match="cannot be cloned in float64"):
        attribute(Own(), np.ones((2, 3)), np.zeros(3), precision="float64")


def test_a_device_that_is_not_there(kit: Any, layers_of: Any) -> None:
    with pytest.raises(InputError, match="device: 'abacus'"):
        attribute(kit.dense(layers_of(2, 1)), np.ones((1, 2)), np.zeros(2), device="abacus")


def test_out_of_memory_halves_the_batch_and_goes_on(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    import torch

    class Small(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = kits[0].dense(layers_of(4, 8, 1))

        def forward(self, x: Any) -> Any:
            if x.shape[0] > 30:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return self.body(x)

    inputs = rng.normal(size=(100, 4))
    found = attribute(Small(), inputs, np.zeros(4))
    plain = attribute(Small().body, inputs, np.zeros(4))
    assert found.details["batches"]["halvings"] > 0
    assert found.details["batches"]["largest_points"] <= 30
    np.testing.assert_allclose(found.attributions, plain.attributions, atol=1e-12)


def test_keras_out_of_memory(
    kits: Any, layers_of: Any, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    import tensorflow as tf

    from ig_tasks.attribution.backends.keras.program import Program

    plain = Program.evaluate

    def small(self: Program, arguments: Any, nodes: Any, *rest: Any) -> Any:
        if arguments[-1].size * nodes.size > 30:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return plain(self, arguments, nodes, *rest)

    model, inputs = kits[1].dense(layers_of(4, 8, 8, 1)), rng.normal(size=(25, 4))
    expected = attribute(model, inputs, np.zeros(4))
    monkeypatch.setattr(Program, "evaluate", small)
    found = attribute(model, inputs, np.zeros(4))
    assert found.details["batches"]["halvings"] > 0
    np.testing.assert_allclose(found.attributions, expected.attributions, atol=1e-12)


def test_recurrent_nets(kit: Any, rng: np.random.Generator) -> None:
    if kit.name == "torch":
        import torch

        class Recurrent(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.gru = torch.nn.GRU(3, 4, batch_first=True)
                self.out = torch.nn.Linear(4, 1)

            def forward(self, x: Any) -> Any:
                return self.out(self.gru(x)[0][:, -1])

        model: Any = Recurrent().double()
    else:
        import keras

        x = keras.Input((5, 3), dtype="float64")
        model = keras.Model(x, keras.layers.Dense(1, dtype="float64")(keras.layers.GRU(4, dtype="float64")(x)))
    found = attribute(model, rng.normal(size=(6, 5, 3)), np.zeros((5, 3)), tolerance=1e-6)
    assert found.attributions.shape == (6, 5, 3)
    assert (found.status == "converged").all()
    assert np.abs(found.convergence_delta).max() < 1e-5


def test_a_transformer_encoder(kits: Any, rng: np.random.Generator) -> None:
    import torch

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.3)
            self.encoder = torch.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
            self.emb = torch.nn.Embedding(7, 8)

        def forward(self, ids: Any) -> Any:
            return self.encoder(self.emb(ids))[:, :, 0].mean(1)

    found = attribute(
        Encoder().double(), {"ids": rng.integers(0, 7, (4, 5))}, {"ids": np.ones(5, int)}, layers={"ids": "emb"}
    )
    assert found.attributions["ids"].shape == (4, 5)
    assert (found.status == "converged").all()


def two_inputs_one_layer(kit: Any, *, transformed: bool = False) -> Any:
    """`home` and `away` (rows,) through one embedding; `transformed` turns the ids around on the way."""
    if kit.name == "torch":
        import torch

        class Shared(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.team = torch.nn.Embedding(5, 2)
                with torch.no_grad():
                    self.team.weight.copy_(torch.arange(10.0).reshape(5, 2))

            def forward(self, home: Any, away: Any) -> Any:
                away = 4 - away if transformed else away
                return (self.team(away) * 2 - self.team(home)).sum(-1)

        return Shared().double()
    import keras

    home, away = keras.Input((), name="home", dtype="int32"), keras.Input((), name="away", dtype="int32")
    team = keras.layers.Embedding(5, 2, name="team", dtype="float64")
    team.build((None,))
    team.set_weights([np.arange(10.0).reshape(5, 2)])
    visitor = 4 - away if transformed else away
    return keras.Model({"home": home, "away": away}, keras.ops.sum(team(visitor) * 2 - team(home), axis=-1))


def test_one_layer_for_two_inputs(kit: Any) -> None:
    ids = {"home": np.array([1, 2]), "away": np.array([3, 4])}
    zero = {"home": np.zeros(2), "away": np.zeros(2)}
    found = attribute(two_inputs_one_layer(kit), ids, zero, layers={"home": "team", "away": "team"})
    np.testing.assert_allclose(found.attributions["home"], [-5.0, -9.0])
    np.testing.assert_allclose(found.attributions["away"], [26.0, 34.0])


def test_a_layer_that_is_fed_with_other_ids_and_by_a_fixed_input(kit: Any) -> None:
    found = attribute(
        two_inputs_one_layer(kit, transformed=True),
        {"away": np.array([3, 4])},
        {"away": np.array(0)},
        fixed={"home": np.array([1, 2])},
        layers={"away": "team"},
    )
    # Twice the vectors of 4 - away, from those of 4 - 0.
    np.testing.assert_allclose(found.attributions["away"], [2 * (2 + 3) - 2 * (8 + 9), 2 * (0 + 1) - 2 * (8 + 9)])
    np.testing.assert_allclose(found.output, [2 * (2 + 3) - (2 + 3), 2 * (0 + 1) - (4 + 5)])


def test_a_layer_that_does_not_run(kits: Any) -> None:
    model = kits[0].tabular()
    import torch

    model.spare = torch.nn.Embedding(6, 4).double()
    with pytest.raises(LayerError, match="'spare' did not run on input 'cat'"):
        attribute(model, ROWS, START, layers={"cat": "spare"})


def test_a_layer_that_gives_no_vector_an_id(kit: Any) -> None:
    model = kit.tabular()
    layer = "body.0" if kit.name == "torch" else model.layers[-1].name
    with pytest.raises(LayerError, match=r"on its own|does not return one vector per id"):
        embed(model, layer, np.array([1, 2]))


def test_keras_inputs_with_an_axis_of_one(kits: Any) -> None:
    import keras

    num, cat = keras.Input((3,), name="num"), keras.Input((1,), name="cat", dtype="int32")
    vectors = keras.layers.Flatten()(keras.layers.Embedding(6, 4, name="emb")(cat))
    model = keras.Model([num, cat], keras.layers.Dense(1)(keras.layers.Concatenate()([num, vectors])))
    flat = attribute(model, ROWS, START, layers=LAYERS)
    column = attribute(
        model, {**ROWS, "cat": ROWS["cat"][:, None]}, {"num": np.zeros(3), "cat": np.zeros((1, 4))}, layers=LAYERS
    )
    assert flat.attributions["cat"].shape == (5,)
    np.testing.assert_allclose(flat.attributions["cat"], column.attributions["cat"][:, 0], atol=1e-6)


def test_keras_masks_are_made_of_the_ids(kits: Any) -> None:
    import keras

    ids = keras.Input((4,), name="ids", dtype="int32")
    hidden = keras.layers.LSTM(3, name="lstm")(keras.layers.Embedding(6, 4, mask_zero=True, name="tok")(ids))
    model = keras.Model(ids, keras.layers.Dense(1)(hidden))
    tokens = np.array([[3, 1, 0, 0], [2, 5, 4, 1]])
    found = attribute(model, {"ids": tokens}, {"ids": np.zeros((4, 4))}, layers={"ids": "tok"})
    np.testing.assert_allclose(found.output, kits[1].predict(model, tokens)[:, 0], atol=1e-6)
    assert (found.attributions["ids"][0, 2:] == 0).all()
    assert (found.attributions["ids"][1] != 0).all()


def test_a_nested_keras_layer(kits: Any, layers_of: Any) -> None:
    import keras

    inner = kits[1].tabular()
    num, cat = keras.Input((3,), name="num", dtype="float64"), keras.Input((), name="cat", dtype="int32")
    outer = keras.Model({"num": num, "cat": cat}, inner({"num": num, "cat": cat}))
    found = attribute(outer, ROWS, START, layers=LAYERS)
    np.testing.assert_allclose(
        found.attributions["cat"], attribute(inner, ROWS, START, layers=LAYERS).attributions["cat"], atol=1e-13
    )


def test_a_model_that_mixes_rows(kits: Any, layers_of: Any) -> None:
    import torch

    class Mean(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.mean(0)

    with pytest.raises(ModelError, match="2 rows went in, 3 came out"):
        attribute(Mean(), np.ones((2, 3)), np.zeros(3))
    with pytest.raises(ModelError, match=r"shape \(2,\) for one row and \(2,\) for two; it mixes rows"):
        attribute(Mean(), np.ones((2, 2)), np.zeros(2))


@pytest.mark.parametrize("columns", [2, 3])
def test_a_keras_model_that_mixes_rows(kits: Any, columns: int) -> None:
    import keras

    class Mean(keras.Model):
        def call(self, x: Any) -> Any:
            return keras.ops.mean(x, axis=0)

    with pytest.raises(ModelError, match=f"{columns} came out, however many rows went in; it mixes rows"):
        attribute(Mean(), np.ones((2, columns)), np.zeros(columns))
