"""Inputs of which several layers, or several calls of one layer, embed the ids."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.attribution.mixture import Mixture
from ig_tasks.errors import BaselineError, LayerError

pytestmark = pytest.mark.graphs

NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(64)
RNG = np.random.default_rng(12)
NARROW, WIDE = RNG.normal(size=(20, 1)), RNG.normal(size=(20, 3))
ONE = RNG.normal(size=(15, 3))
HIDDEN, LAST = RNG.normal(size=(9, 6)) / 3, RNG.normal(size=6)
IDS = np.array([[1, 9, 14], [3, 6, 17], [4, 11, 12], [19, 0, 5]])
CODES = np.array([[4, 1, 2], [1, 6, 1], [3, 5, 0], [2, 2, 2]])
OFFSETS = np.array([0, 5, 12])
TOLERANCE = {"tolerance": 1e-6}


def head(vectors: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """tanh of the vectors (rows, 3, 3), and the square of the sum of the weights (rows, 3, 1)."""
    found = np.tanh(vectors.reshape(len(vectors), -1) @ HIDDEN) @ LAST
    return found if weights is None else found + weights.sum((1, 2)) ** 2


def path(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Attributions (rows, 3) of vectors in tanh's part, by Gauss-Legendre."""
    total = np.zeros(end.shape)
    for node, weight in zip((NODES + 1) / 2, NODE_WEIGHTS / 2, strict=True):
        at = np.tanh((start + node * (end - start)).reshape(len(end), -1) @ HIDDEN)
        total += weight * (((1 - at**2) * LAST) @ HIDDEN.T).reshape(end.shape)
    return (total * (end - start)).sum(axis=2)


def squares(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Attributions (rows, 3) of weights in the square of their sum, in closed form."""
    return ((end - start) * (start.sum(1) + end.sum(1))[:, None])[..., 0]


@functools.cache
def two_tables(kit: Any, change: str = "") -> Any:
    """`first_order` and `factors` embed `ids` (rows, 3); `change`: rare ids are mapped to 1 before."""
    if kit.name == "torch":
        import torch

        class DeepFM(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.first_order = torch.nn.Embedding.from_pretrained(torch.tensor(NARROW), freeze=False)
                self.factors = torch.nn.Embedding.from_pretrained(torch.tensor(WIDE), freeze=False)
                self.hidden, self.last = (torch.nn.Parameter(torch.tensor(each)) for each in (HIDDEN, LAST))

            def forward(self, ids: Any) -> Any:
                ids = torch.where(ids >= 12, 1, ids) if change else ids
                deep = torch.tanh(self.factors(ids).flatten(1) @ self.hidden) @ self.last
                return deep + self.first_order(ids).sum((1, 2)) ** 2

        return DeepFM().eval()
    import keras
    from keras import ops

    ids = keras.Input((3,), name="ids", dtype="int64")
    used = ops.where(ids >= 12, ops.ones_like(ids), ids) if change else ids
    narrow = keras.layers.Embedding(20, 1, name="first_order", dtype="float64")
    wide = keras.layers.Embedding(20, 3, name="factors", dtype="float64")
    weights, vectors = narrow(used), wide(used)
    deep = keras_head(keras.layers.Flatten(dtype="float64")(vectors))
    model = keras.Model({"ids": ids}, deep + ops.sum(weights, axis=1) ** 2)
    narrow.set_weights([NARROW])
    wide.set_weights([WIDE])
    return model


def keras_head(flat: Any) -> Any:
    import keras

    hidden = keras.layers.Dense(6, "tanh", use_bias=False, dtype="float64")
    last = keras.layers.Dense(1, use_bias=False, dtype="float64")
    out = last(hidden(flat))
    hidden.set_weights([HIDDEN])
    last.set_weights([LAST[:, None]])
    return out


@functools.cache
def matrix(kit: Any, layout: str) -> Any:
    """`codes` (rows, 3): a table for each column, one with offsets, or one that is called once per column."""
    parts = np.split(ONE, OFFSETS[1:])
    if kit.name == "torch":
        import torch

        class Tabular(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                own = [torch.nn.Embedding.from_pretrained(torch.tensor(part), freeze=False) for part in parts]
                self.tables = torch.nn.ModuleList(own if layout == "columns" else [])
                if layout != "columns":
                    self.table = torch.nn.Embedding.from_pretrained(torch.tensor(ONE), freeze=False)
                self.hidden, self.last = (torch.nn.Parameter(torch.tensor(each)) for each in (HIDDEN, LAST))

            def embed(self, codes: Any) -> Any:
                if layout == "columns":
                    return torch.stack([table(codes[:, place]) for place, table in enumerate(self.tables)], 1)
                if layout == "steps":
                    return torch.stack([self.table(codes[:, place] + int(OFFSETS[place])) for place in range(3)], 1)
                return self.table(codes + torch.tensor(OFFSETS))

            def forward(self, codes: Any) -> Any:
                return torch.tanh(self.embed(codes).flatten(1) @ self.hidden) @ self.last

        return Tabular().eval()
    import keras
    from keras import ops

    codes = keras.Input((3,), name="codes", dtype="int64")
    own = [keras.layers.Embedding(len(p), 3, name=f"table_{n}", dtype="float64") for n, p in enumerate(parts)]
    table = keras.layers.Embedding(15, 3, name="table", dtype="float64")
    if layout == "columns":
        vectors = ops.stack([layer(codes[:, place]) for place, layer in enumerate(own)], axis=1)
        for layer, part in zip(own, parts, strict=True):
            layer.set_weights([part])
    else:
        if layout == "steps":
            vectors = ops.stack([table(codes[:, place] + int(OFFSETS[place])) for place in range(3)], axis=1)
        else:
            vectors = table(codes + ops.convert_to_tensor(OFFSETS[None]))
        table.set_weights([ONE])
    return keras.Model({"codes": codes}, keras_head(keras.layers.Flatten(dtype="float64")(vectors)))


def names(kit: Any) -> list[str]:
    return [f"tables.{place}" if kit.name == "torch" else f"table_{place}" for place in range(3)]


@pytest.mark.parametrize("change", ["", "rare"])
def test_all_tables_of_an_input_move_together(kit: Any, change: str) -> None:
    used = np.where(IDS >= 12, 1, IDS) if change else IDS
    found = attribute(
        two_tables(kit, change), {"ids": IDS}, {"ids": 0}, layers={"ids": ["first_order", "factors"]}, **TOLERANCE
    )
    right = path(WIDE[0 * used], WIDE[used]) + squares(NARROW[0 * used], NARROW[used])
    np.testing.assert_allclose(found.output, head(WIDE[used], NARROW[used]), atol=1e-12)
    np.testing.assert_allclose(found.baseline_output, head(WIDE[0 * used], NARROW[0 * used]), atol=1e-12)
    np.testing.assert_allclose(found.attributions["ids"], right, atol=1e-5)


@pytest.mark.parametrize("baseline", [0, np.zeros((3, 1))])
@pytest.mark.parametrize("layer", ["first_order", "factors"])
def test_one_of_two_tables_is_refused_with_both_names(kit: Any, layer: str, baseline: Any) -> None:
    with pytest.raises(LayerError, match=r"layers=\{'ids': \['(first_order', 'factors|factors', 'first_order)'\]\}"):
        attribute(two_tables(kit), {"ids": IDS}, {"ids": baseline}, layers={"ids": layer})


def test_baselines_of_several_tables(kit: Any) -> None:
    model, layers = two_tables(kit), {"ids": ["first_order", "factors"]}
    narrow, wide = RNG.normal(size=(3, 1)), RNG.normal(size=(3, 3))
    given = {"ids": {"first_order": narrow, "factors": wide}}
    found = attribute(model, {"ids": IDS}, given, layers=layers, **TOLERANCE)
    starts = (np.broadcast_to(each, (4, *each.shape)) for each in (wide, narrow))
    np.testing.assert_allclose(found.baseline_output, head(*starts), atol=1e-12)
    zero = attribute(model, {"ids": IDS}, {"ids": 0.0}, layers=layers, **TOLERANCE)
    np.testing.assert_allclose(zero.baseline_output, head(0 * WIDE[IDS], 0 * NARROW[IDS]), atol=1e-12)
    mixed = Mixture.of([{2: 0.25, 5: 0.75}, {1: 1.0}, {}], (3,))
    mean = attribute(model, {"ids": IDS}, {"ids": mixed}, layers=layers, **TOLERANCE)
    wide, narrow = (
        np.array([0.25 * each[2] + 0.75 * each[5], each[1], 0 * each[0]])[None].repeat(4, 0) for each in (WIDE, NARROW)
    )
    np.testing.assert_allclose(mean.baseline_output, head(wide, narrow), atol=1e-12)
    right = path(wide, WIDE[IDS]) + squares(narrow, NARROW[IDS])
    np.testing.assert_allclose(mean.attributions["ids"], right, atol=1e-5)
    with pytest.raises(BaselineError, match="it has no vectors for layer 'factors'"):
        attribute(model, {"ids": IDS}, {"ids": {"first_order": narrow[0]}}, layers=layers)


@pytest.mark.parametrize("layout", ["columns", "offsets", "steps"])
def test_columns_with_tables_offsets_and_calls_of_their_own(kit: Any, layout: str) -> None:
    layers = {"codes": dict(enumerate(names(kit)))} if layout == "columns" else {"codes": "table"}
    found = attribute(matrix(kit, layout), {"codes": CODES}, {"codes": 0}, layers=layers, **TOLERANCE)
    start, end = ONE[OFFSETS + 0 * CODES], ONE[CODES + OFFSETS]
    np.testing.assert_allclose(found.output, head(end), atol=1e-12)
    np.testing.assert_allclose(found.baseline_output, head(start), atol=1e-12)
    np.testing.assert_allclose(found.attributions["codes"], path(start, end), atol=1e-5)
    mixed = attribute(
        matrix(kit, layout),
        {"codes": CODES},
        {"codes": Mixture.of([{0: 0.5, 1: 0.5}, {6: 1.0}, {2: 0.25, 1: 0.75}], (3,))},
        layers=layers,
        **TOLERANCE,
    )
    mean = np.array([(ONE[0] + ONE[1]) / 2, ONE[11], 0.25 * ONE[14] + 0.75 * ONE[13]])[None].repeat(4, 0)
    np.testing.assert_allclose(mixed.baseline_output, head(mean), atol=1e-12)
    np.testing.assert_allclose(mixed.attributions["codes"], path(mean, end), atol=1e-5)


def test_a_list_of_layers_finds_its_columns(kit: Any) -> None:
    model = matrix(kit, "columns")
    listed, by_column = (
        attribute(model, {"codes": CODES}, {"codes": 0}, layers={"codes": layers}).attributions["codes"]
        for layers in (names(kit), dict(enumerate(names(kit))))
    )
    np.testing.assert_array_equal(listed, by_column)


def test_layers_of_the_wrong_columns_are_refused_with_the_right_ones(kit: Any) -> None:
    first, second, third = names(kit)
    with pytest.raises(LayerError, match="embeds column 1, not 0") as refused:
        attribute(
            matrix(kit, "columns"), {"codes": CODES}, {"codes": 0}, layers={"codes": {0: second, 1: first, 2: third}}
        )
    assert f"0: '{first}', 1: '{second}'" in str(refused.value)


@pytest.mark.parametrize("cast", ["long", "int", "to", "view", "squeeze"])
def test_one_layer_for_two_inputs_after_a_cast(kits: Any, cast: str) -> None:
    import torch

    changes = {
        "long": torch.Tensor.long,
        "int": torch.Tensor.int,
        "to": lambda ids: ids.to(torch.device("cpu")),
        "view": lambda ids: ids.view(-1),
        "squeeze": lambda ids: ids.squeeze(-1),
    }

    class Route(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.airports = torch.nn.Embedding.from_pretrained(torch.tensor(ONE), freeze=False)
            self.hidden, self.last = (torch.nn.Parameter(torch.tensor(each)) for each in (HIDDEN[:6], LAST))

        def forward(self, origin: Any, destination: Any) -> Any:
            endpoints = torch.cat([self.airports(changes[cast](ids)) for ids in (origin, destination)], 1)
            return torch.tanh(endpoints @ self.hidden) @ self.last

    ids = {"origin": np.array([1, 8, 3, 5]), "destination": np.array([1, 2, 3, 7])}
    layers, zero = dict.fromkeys(ids, "airports"), dict.fromkeys(ids, 0)
    given = {name: each[:, None] for name, each in ids.items()} if cast in ("view", "squeeze") else ids
    found = attribute(Route().eval(), given, zero, layers=layers, **TOLERANCE).attributions
    # With the third vector at nought, the head is that of two ids.
    start, end = (np.stack([ONE[k * ids["origin"]], ONE[k * ids["destination"]], 0 * ONE[:4]], 1) for k in (0, 1))
    right = path(start, end)
    np.testing.assert_allclose(found["origin"].reshape(-1), right[:, 0], atol=1e-5)
    np.testing.assert_allclose(found["destination"].reshape(-1), right[:, 1], atol=1e-5)
    plain = attribute(Route().eval(), ids, zero, layers=layers, **TOLERANCE) if cast in ("long", "int", "to") else None
    assert plain is None or set(plain.status) == {"converged"}


def test_an_output_at_the_baseline_that_is_not_the_models_is_refused(kit: Any) -> None:
    """The ids steer more than their table: a mask that is made of them stays the row's."""
    if kit.name == "torch":
        import torch

        class Masked(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.factors = torch.nn.Embedding.from_pretrained(torch.tensor(WIDE), freeze=False)

            def forward(self, ids: Any) -> Any:
                return torch.tanh((self.factors(ids) * (ids != 0)[..., None]).sum((1, 2)))

        model: Any = Masked().eval()
    else:
        import keras
        from keras import ops

        ids = keras.Input((3,), name="ids", dtype="int64")
        layer = keras.layers.Embedding(20, 3, name="factors", dtype="float64")
        shown = ops.expand_dims(ops.cast(ids != 0, "float64"), -1)
        model = keras.Model({"ids": ids}, ops.tanh(ops.sum(layer(ids) * shown, axis=(1, 2)))[:, None])
        layer.set_weights([WIDE])
    layers = {"ids": "factors"}
    with pytest.raises(LayerError, match=r"^baseline: of row 0 the path starts at an output of"):
        attribute(model, {"ids": IDS}, {"ids": 0}, layers=layers)
    found = attribute(model, {"ids": IDS}, {"ids": 0}, layers=layers, refuse=False)
    assert set(found.refused.values()) == {"the output at the start of the path is not the model's own at the baseline"}
    assert set(attribute(model, {"ids": IDS}, {"ids": 0.0}, layers=layers).status) == {"converged"}
