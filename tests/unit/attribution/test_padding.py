"""Padding that a mask hides is cut off before the model sees it, if the model comes to the same without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute

LENGTHS = np.array([9, 2, 5, 12, 1, 5, 3, 9])
WIDTH = 12
LAYERS = {"ids": "tok"}


def texts(seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Ids (8, 12), 0 behind a row's length, and the mask."""
    rng = np.random.default_rng(seed)
    mask = (np.arange(WIDTH) < LENGTHS[:, None]).astype(np.int64)
    return rng.integers(1, 20, (len(LENGTHS), WIDTH)) * mask, mask


def reader(pool: str = "masked", dtype: str = "float64", activation: str = "GELU") -> Any:
    """A torch model (ids, mask) -> (rows, 3): embedding with positions, masked attention, and a `pool` of tokens."""
    import torch

    class Reader(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(2)
            self.tok = torch.nn.Embedding(20, 6)
            self.at = torch.nn.Embedding(WIDTH, 6)
            self.query, self.key, self.value = (torch.nn.Linear(6, 6) for _ in range(3))
            self.act = getattr(torch.nn, activation)()
            self.head = torch.nn.Linear(6, 3)
            self.flat = torch.nn.Linear(6 * WIDTH, 3)

        def forward(self, ids: Any, mask: Any, tilt: Any = None) -> Any:
            x = self.tok(ids) + self.at.weight[: ids.shape[1]]
            return self.read(x, mask) if tilt is None else self.read(x + tilt[..., None], mask)

        def read(self, x: Any, mask: Any) -> Any:
            scores = self.query(x) @ self.key(x).transpose(1, 2)
            scores = scores.masked_fill(mask[:, None] == 0, -torch.inf)
            x = x + self.act(scores.softmax(-1) @ self.value(x))
            if pool == "flat":
                return self.flat(x.flatten(1))
            if pool == "everything":
                return self.head(x.mean(1))
            shown = mask[..., None].to(x.dtype)
            return self.head((x * shown).sum(1) / shown.sum(1))

    return Reader().to(getattr(torch, dtype)).eval()


def explained(model: Any, ids: np.ndarray, mask: np.ndarray, **settings: Any) -> Any:
    settings = {"target": 1, "tolerance": 1e-4, "layers": LAYERS, **settings}
    return attribute(model, {"ids": ids}, {"ids": np.zeros(ids.shape[1], np.int64)}, fixed={"mask": mask}, **settings)


@pytest.mark.parametrize("target", [1, "all", "predicted"])
@pytest.mark.parametrize("integrator", ["auto", "gauss_legendre"])
def test_a_batch_with_padding_is_its_rows_one_by_one(target: Any, integrator: str) -> None:
    model, (ids, mask) = reader(), texts()
    together = explained(model, ids, mask, target=target, integrator=integrator)
    assert together.details["padding"] == "left out: 52 % of all positions, masked by 'mask'"
    for row, length in enumerate(LENGTHS):
        alone = explained(model, ids[[row], :length], mask[[row], :length], target=target, integrator=integrator)
        assert alone.details["padding"] is None
        found = together.attributions["ids"][row]
        np.testing.assert_allclose(found[..., :length], alone.attributions["ids"][0], atol=1e-13)
        assert (found[..., length:] == 0.0).all()
        for name in ("output", "baseline_output", "convergence_delta", "error_estimate", "evaluations"):
            one, two = getattr(together, name)[row], getattr(alone, name)[0]
            np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-13)
        np.testing.assert_array_equal(together.status[row], alone.status[0])


def test_the_secant_rule_and_exact_integration_leave_padding_out_too() -> None:
    import torch

    class Bag(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(4)
            self.tok = torch.nn.Embedding(20, 6)
            self.body = torch.nn.Sequential(
                torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)
            )

        def forward(self, ids: Any, mask: Any) -> Any:
            return self.body((self.tok(ids) * mask[..., None]).sum(1))

    model, (ids, mask) = Bag().double().eval(), texts()
    for integrator in ("secant", "exact"):
        found = explained(model, ids, mask, integrator=integrator)
        assert found.details["padding"].startswith("left out: 52 %")
        for row, length in enumerate(LENGTHS):
            alone = explained(model, ids[[row], :length], mask[[row], :length], integrator=integrator)
            np.testing.assert_allclose(
                found.attributions["ids"][row, :length], alone.attributions["ids"][0], atol=1e-12
            )
            assert found.relative_delta[row] <= 1e-4


def test_rows_keep_their_order_and_other_inputs_their_shape(rng: np.random.Generator) -> None:
    """Rows are sorted by length on the way; numbers at the cut positions of an unmasked input come back as 0."""
    model, (ids, mask) = reader(), texts()
    tilt = rng.normal(size=ids.shape)

    def both(rows: Any) -> Any:
        return attribute(
            model,
            {"ids": ids[rows], "tilt": tilt[rows]},
            {"ids": np.zeros(WIDTH, np.int64), "tilt": np.zeros(WIDTH)},
            fixed={"mask": mask[rows]},
            layers=LAYERS,
            target=0,
            tolerance=1e-6,
        )

    order = rng.permutation(len(ids))
    straight, mixed = both(slice(None)), both(order)
    for name in ("ids", "tilt"):
        assert straight.attributions[name].shape == (8, WIDTH)
        np.testing.assert_allclose(mixed.attributions[name], straight.attributions[name][order], atol=1e-13)
        assert (straight.attributions[name][mask == 0] == 0.0).all()
    total = sum(straight.attributions[name].sum(1) for name in ("ids", "tilt"))
    np.testing.assert_allclose(total, straight.output - straight.baseline_output, rtol=1e-6, atol=1e-9)


def test_two_sequences_are_each_cut_to_their_own_length() -> None:
    import torch

    class Two(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.question, self.answer = reader(), reader(activation="Tanh")

        def forward(self, ids: Any, mask: Any, said: Any, shown: Any) -> Any:
            return self.question(ids, mask) * self.answer(said, shown)

    model, (ids, mask), (said, shown) = Two().eval(), texts(), texts(6)
    said, shown = said[::-1, :9].copy(), shown[::-1, :9].copy()

    def both(row: Any, wide: Any, narrow: Any) -> Any:
        return attribute(
            model,
            {"ids": ids[row, :wide], "said": said[row, :narrow]},
            {"ids": np.zeros(wide, np.int64), "said": np.zeros(narrow, np.int64)},
            fixed={"mask": mask[row, :wide], "shown": shown[row, :narrow]},
            layers={"ids": "question.tok", "said": "answer.tok"},
            target=0,
        )

    together = both(slice(None), 12, 9)
    assert together.details["padding"] == "left out: 47 % of all positions, masked by 'mask', 'shown'"
    for row in range(len(ids)):
        wide, narrow = mask[row].sum(), shown[row].sum()
        alone = both([row], wide, narrow)
        for name, length in (("ids", wide), ("said", narrow)):
            found = together.attributions[name][row]
            np.testing.assert_allclose(found[:length], alone.attributions[name][0], atol=1e-13)
            assert (found[length:] == 0.0).all()


def test_float32_agrees_with_float64() -> None:
    ids, mask = texts()
    single, double = (explained(reader(dtype=dtype), ids, mask) for dtype in ("float32", "float64"))
    assert single.details["padding"] == double.details["padding"]
    np.testing.assert_allclose(single.attributions["ids"], double.attributions["ids"], atol=2e-6)


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        ("everything", "kept: the output depends on positions that 'mask' masks"),
        ("flat", "kept: the model does not run without the positions that 'mask' masks"),
    ],
)
def test_a_model_that_looks_at_padding_gets_it(pool: str, said: str) -> None:
    model, (ids, mask) = reader(pool), texts()
    found = explained(model, ids, mask)
    assert found.details["padding"] == said
    for row in range(len(ids)):  # a row alone, as wide as it was
        alone = explained(model, ids[[row]], mask[[row]])
        np.testing.assert_allclose(found.attributions["ids"][row], alone.attributions["ids"][0], atol=1e-13)


def test_padding_that_matters_on_the_way_alone_is_kept() -> None:
    """p(1 - p) is 0 at both ends of a path from 0 to 1: there, nobody sees that the model looks at it."""
    import torch

    class Sly(torch.nn.Module):
        def forward(self, x: Any, mask: Any) -> Any:
            return (x * x * mask).sum(1, keepdim=True) + (x * (1 - x) * (1 - mask)).sum(1, keepdim=True)

    mask = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    found = attribute(Sly(), {"x": np.ones((2, 3))}, {"x": np.zeros(3)}, fixed={"mask": mask})
    assert found.details["padding"] == "kept: the output depends on positions that 'mask' masks"
    np.testing.assert_allclose(found.attributions["x"], mask, atol=1e-12)


@pytest.mark.parametrize("left", ["left-padded", "holes", "not a mask", "nothing to save"])
def test_only_ones_followed_by_zeros_are_a_mask(left: str) -> None:
    model, (ids, mask) = reader(), texts()
    if left == "left-padded":
        mask = mask[:, ::-1].copy()
    elif left == "holes":
        mask[:, -1] = 1
    elif left == "not a mask":
        mask = mask * 2
    else:
        mask = np.ones_like(mask)
        mask[0, -1] = 0
    found = explained(model, ids, mask)
    assert found.details["padding"] is None
    assert (found.status == "converged").all()


def test_a_fixed_choice_of_ones_and_zeros_is_no_mask_of_other_inputs() -> None:
    import torch

    class Chosen(torch.nn.Module):
        def forward(self, x: Any, choice: Any) -> Any:
            return (x.sum(1) ** 2 * (choice[:, 0] + 2.0 * choice[:, 1]))[:, None]

    found = attribute(
        Chosen(), {"x": np.ones((2, 3))}, {"x": np.zeros(3)}, fixed={"choice": np.array([[1.0, 0.0], [0.0, 1.0]])}
    )
    assert found.details["padding"] is None
    np.testing.assert_allclose(found.attributions["x"], [[3.0] * 3, [6.0] * 3], rtol=1e-12)


def test_a_mask_with_holes_is_cut_behind_its_last_one() -> None:
    model, (ids, mask) = reader(), texts()
    mask[0, 2] = 0
    found = explained(model, ids, mask)
    assert found.details["padding"].startswith("left out")
    alone = explained(model, ids[:1], mask[:1])
    np.testing.assert_allclose(found.attributions["ids"][0], alone.attributions["ids"][0], atol=1e-13)


def test_a_row_of_nothing_but_padding_does_not_spoil_the_others() -> None:
    model, (ids, mask) = reader(), texts()
    mask[3] = 0
    found = explained(model, ids, mask)
    assert found.status[3] == "not_finite"
    assert (np.delete(found.status, 3) == "converged").all()


def test_keras_models_keep_their_padding(kits: Any) -> None:
    """Every length would be traced anew."""
    keras = kits[1].tokens()
    mask = np.array([[1, 1, 0], [1, 0, 0]])
    found = attribute(
        keras, {"ids": np.array([[1, 2, 0], [3, 0, 0]])}, {"ids": np.zeros(3, int)}, fixed={"mask": mask.astype(float)},
        layers={"ids": "tok"}, target=0,
    )  # fmt: skip
    assert found.details["padding"] is None
