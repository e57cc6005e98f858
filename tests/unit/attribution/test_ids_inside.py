"""Ids that a model changes before its tables: paths run between the model's own vectors, or the call is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.errors import LayerError

pytestmark = pytest.mark.graphs

NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(64)
TABLE = np.random.default_rng(3).normal(size=(12, 3))
HIDDEN = np.random.default_rng(4).normal(size=(12, 6)) / 3
LAST = np.random.default_rng(5).normal(size=6)
IDS = np.array([[2, 3, 5, 8], [7, 10, 4, 11], [9, 6, 3, 2], [1, 5, 10, 9]])
MASK = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]])

NUMPY = {
    "masked": lambda ids, mask: ids * mask,
    "remapped": lambda ids, mask: np.where(ids >= 9, 1, ids),
    "clamped": lambda ids, mask: np.clip(ids, 3, 8),
    "reversed": lambda ids, mask: ids[:, ::-1],
    "sorted": lambda ids, mask: np.sort(ids, axis=1),
}


def head(vectors: np.ndarray) -> np.ndarray:
    """The output (rows,) of vectors (rows, 4, 3)."""
    return np.tanh(vectors.reshape(len(vectors), -1) @ HIDDEN) @ LAST


def path(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Attributions (rows, 4, 3) of vectors, by Gauss-Legendre in float64 and the closed form of the gradient."""
    total = np.zeros(end.shape)
    for node, weight in zip((NODES + 1) / 2, NODE_WEIGHTS / 2, strict=True):
        at = np.tanh((start + node * (end - start)).reshape(len(end), -1) @ HIDDEN)
        total += weight * (((1 - at**2) * LAST) @ HIDDEN.T).reshape(end.shape)
    return total * (end - start)


def text(kit: Any, change: str) -> Any:
    """A model of ids and mask (rows, 4) whose ids are changed before its layer `words`."""
    if kit.name == "torch":
        import torch

        changes = {
            "masked": lambda ids, mask: ids * mask,
            "remapped": lambda ids, mask: torch.where(ids >= 9, 1, ids),
            "clamped": lambda ids, mask: ids.clamp(3, 8),
            "reversed": lambda ids, mask: ids.flip(1),
            "sorted": lambda ids, mask: ids.sort(dim=1).values,
            "in place": lambda ids, mask: ids.clamp_(3, 8),
            "of late": lambda ids, mask: torch.where(mask[:, :1] == 0, ids.sort(dim=1).values, ids),
        }

        class Text(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.words = torch.nn.Embedding.from_pretrained(torch.tensor(TABLE), freeze=False)
                self.hidden, self.last = (torch.nn.Parameter(torch.tensor(each)) for each in (HIDDEN, LAST))

            def forward(self, ids: Any, mask: Any) -> Any:
                return torch.tanh(self.words(changes[change](ids, mask)).flatten(1) @ self.hidden) @ self.last

        return Text().eval()
    import keras
    from keras import ops

    class Change(keras.layers.Layer):
        def call(self, ids: Any, mask: Any) -> Any:
            return {
                "masked": lambda: ids * mask,
                "remapped": lambda: ops.where(ids >= 9, ops.ones_like(ids), ids),
                "clamped": lambda: ops.clip(ids, 3, 8),
                "reversed": lambda: ops.flip(ids, 1),
                "sorted": lambda: ops.sort(ids, axis=1),
                "of late": lambda: ops.where(mask[:, :1] == 0, ops.sort(ids, axis=1), ids),
            }[change]()

    ids, mask = keras.Input((4,), name="ids", dtype="int64"), keras.Input((4,), name="mask", dtype="int64")
    words = keras.layers.Embedding(12, 3, name="words", dtype="float64", weights=[TABLE])
    body = keras.layers.Dense(6, "tanh", use_bias=False, dtype="float64", name="hidden")
    last = keras.layers.Dense(1, use_bias=False, dtype="float64", name="last")
    flat = keras.layers.Flatten(dtype="float64")(words(Change(dtype="int64")(ids, mask)))
    model = keras.Model({"ids": ids, "mask": mask}, last(body(flat)))
    words.set_weights([TABLE])
    body.set_weights([HIDDEN])
    last.set_weights([LAST[:, None]])
    return model


def explained(model: Any, baseline: Any = 0, ids: np.ndarray = IDS, mask: np.ndarray = MASK, **settings: Any) -> Any:
    settings = {"tolerance": 1e-6, "layers": {"ids": "words"}, **settings}
    return attribute(model, {"ids": ids}, {"ids": baseline}, fixed={"mask": mask}, **settings)


@pytest.mark.parametrize("change", ["masked", "remapped", "clamped", "reversed"])
def test_paths_run_between_the_models_own_vectors(kit: Any, change: str) -> None:
    changed = NUMPY[change]
    end, start = TABLE[changed(IDS, MASK)], TABLE[changed(0 * IDS, MASK)]
    found = explained(text(kit, change))
    right = path(start, end).sum(axis=2)
    right = right[:, ::-1] if change == "reversed" else right
    np.testing.assert_allclose(found.output, head(end), atol=1e-12)
    np.testing.assert_allclose(found.baseline_output, head(start), atol=1e-12)
    np.testing.assert_allclose(found.attributions["ids"], right, atol=1e-5)
    assert (found.status == "converged").all()


@pytest.mark.parametrize("change", ["sorted", "of late"])
def test_ids_that_are_rearranged_are_refused_in_one_line(kit: Any, change: str) -> None:
    with pytest.raises(LayerError, match=r"^layers: 'words' is fed with ids .*that the model rearranges or combines"):
        explained(text(kit, change), mask=np.array([[1], [1], [0], [1]]) * MASK)


def test_rows_that_are_rearranged_late_are_told_from_the_others(kit: Any) -> None:
    rng = np.random.default_rng(8)
    ids = rng.integers(1, 12, (300, 4))
    mask = np.ones((300, 4), dtype=np.int64)
    late = np.arange(301, step=43)[1:] - 1
    mask[late, 0] = 0
    found = explained(text(kit, "of late"), ids=ids, mask=mask, refuse=False)
    moved = [row for row in late.tolist() if (np.sort(ids[row]) != ids[row]).any()]
    assert sorted(found.refused) == moved
    assert set(found.refused.values()) == {"the model rearranges or combines the ids of layer 'words'"}
    assert np.isnan(found.attributions["ids"][moved]).all()
    assert set(found.status[moved]) == {"not_finite"}
    others = np.setdiff1d(np.arange(300), moved)
    right = path(TABLE[0 * ids[others]], TABLE[ids[others]]).sum(axis=2)
    np.testing.assert_allclose(found.attributions["ids"][others], right, atol=1e-5)


def test_ids_that_are_written_into_before_they_are_embedded(kits: Any) -> None:
    given = IDS.copy()
    found = explained(text(kits[0], "in place"), ids=given)
    end, start = TABLE[np.clip(IDS, 3, 8)], TABLE[np.full(IDS.shape, 3)]
    np.testing.assert_array_equal(given, IDS)
    np.testing.assert_allclose(found.output, head(end), atol=1e-12)
    np.testing.assert_allclose(found.attributions["ids"], path(start, end).sum(axis=2), atol=1e-5)


def test_a_baseline_of_vectors_is_where_the_path_starts(kit: Any) -> None:
    start = np.random.default_rng(6).normal(size=(4, 3))
    found = explained(text(kit, "remapped"), start)
    end = TABLE[NUMPY["remapped"](IDS, MASK)]
    whole = np.broadcast_to(start, end.shape)
    np.testing.assert_allclose(found.output, head(end), atol=1e-12)
    np.testing.assert_allclose(found.baseline_output, head(whole), atol=1e-12)
    np.testing.assert_allclose(found.attributions["ids"], path(whole, end).sum(axis=2), atol=1e-5)


def test_every_target_and_every_batch(kit: Any) -> None:
    rng = np.random.default_rng(9)
    ids, mask = rng.integers(0, 12, (200, 4)), rng.integers(0, 2, (200, 4))
    model = text(kit, "masked")
    found = explained(model, ids=ids, mask=mask, memory_limit=60_000, target="all")
    end, start = TABLE[ids * mask], TABLE[0 * ids]
    np.testing.assert_allclose(found.output[:, 0], head(end), atol=1e-12)
    np.testing.assert_allclose(found.attributions["ids"][:, 0], path(start, end).sum(axis=2), atol=1e-5)


def reader(change: str) -> Any:
    """torch: ids (rows, 4) through tables of their own, by the `change` named."""
    import torch

    class Reader(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            rows = 5 if change == "hashed into a small table" else 12
            self.words = torch.nn.Embedding.from_pretrained(torch.tensor(TABLE[:rows]), padding_idx=1)
            self.places = torch.nn.Embedding.from_pretrained(torch.tensor(TABLE), padding_idx=1)
            self.bag = torch.nn.EmbeddingBag.from_pretrained(torch.tensor(TABLE))

        def forward(self, ids: Any) -> Any:
            if change == "hashed into a small table":
                return torch.tanh(self.words(ids % 5)).sum((1, 2))
            if change == "sorted":
                return (torch.tanh(self.words(ids.sort(1).values)).sum(2) * torch.arange(4)).sum(1)
            if change == "crossed":
                return torch.tanh(self.words((ids[:, 1:] * 7 + ids[:, :-1]) % 12)).sum((1, 2))
            if change == "bag":
                return torch.tanh(self.words(ids).sum(1) + self.bag(ids)).sum(1)
            shown = (ids != 1).long()
            return torch.tanh(self.words(ids) + self.places(shown.cumsum(1) * shown + 1)).sum((1, 2))

    return Reader().eval()


@pytest.mark.parametrize("rows", [1, 3])
def test_positions_that_count_the_ids_that_are_no_padding_are_no_table_of_theirs(kits: Any, rows: int) -> None:
    ids = np.array([[7, 10, 1, 1], [2, 3, 5, 8], [9, 6, 3, 1]])[:rows]
    shown = ids != 1
    places = TABLE[shown.cumsum(1) * shown + 1]
    start = np.where(shown, 4, 1)
    found = attribute(reader("positions"), {"ids": ids}, {"ids": start}, layers={"ids": "words"}, tolerance=1e-8)
    change = np.tanh(TABLE[ids] + places) - np.tanh(TABLE[start] + places)
    np.testing.assert_allclose(found.attributions["ids"], change.sum(2), atol=1e-7)


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("change", ["sorted", "crossed"])
def test_one_row_is_enough_to_see_that_ids_are_rearranged(kits: Any, change: str, rows: int) -> None:
    for baseline in (0, 0.0):
        with pytest.raises(LayerError, match="that the model rearranges or combines"):
            attribute(reader(change), {"ids": IDS[:rows]}, {"ids": baseline}, layers={"ids": "words"})


def test_ids_beyond_the_table_that_the_model_maps_into_it(kits: Any) -> None:
    found = attribute(
        reader("hashed into a small table"), {"ids": IDS}, {"ids": 0}, layers={"ids": "words"}, tolerance=1e-8
    )
    change = np.tanh(TABLE[IDS % 5]) - np.tanh(TABLE[0 * IDS])
    np.testing.assert_allclose(found.attributions["ids"], change.sum(2), atol=1e-7)


def test_a_bag_beside_the_table_is_named(kits: Any) -> None:
    with pytest.raises(LayerError, match="embedded by 'words' and 'bag'"):
        attribute(reader("bag"), {"ids": IDS}, {"ids": 0.0}, layers={"ids": "words"})
