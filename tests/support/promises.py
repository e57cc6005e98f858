"""What Integrated Gradients promises of any model, as checks on one drawn architecture of one framework."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ig_tasks.attribution import attribute
from ig_tasks.errors import InputError
from support.architectures import Architecture, Weights, architectures, build

__all__ = ["PROMISES", "keep"]

DUMMY, TWIN, OTHER_TWIN = 0, 1, 2  # features: one that the model does not use, two that it cannot tell apart
# Edges of cells follow kinks that are found in the precision of the model.
EXACT = {"float32": 5e-5, "float64": 1e-10}


def axioms(framework: str, architecture: Architecture) -> None:
    """Completeness to any tolerance, dummies exactly 0, symmetry, swapped endpoints negate."""
    weights = architecture.weights()
    weights["entry"][DUMMY] = 0.0
    weights["entry"][OTHER_TWIN] = weights["entry"][TWIN]
    model, target = build(framework, architecture, weights), last(architecture)
    inputs, baseline = architecture.points(6), architecture.points(1, salt=1)[0]
    inputs[:, OTHER_TWIN], baseline[OTHER_TWIN] = inputs[:, TWIN], baseline[TWIN]

    found, fine = (attribute(model, inputs, baseline, target=target, tolerance=each) for each in (1e-3, 1e-5))
    # A normalisation between kinks is integrated to the second order: thousands of cells, or flagged.
    assert (found.status == "converged").all() or any(block.kind == "layer_norm" for block in architecture.blocks)
    for each, tolerance in ((found, 1e-3), (fine, 1e-5)):
        assert (each.relative_delta[each.status == "converged"] <= tolerance).all()
    # Cells of another number have deltas of their own: far below either tolerance, one may be the larger.
    small = 1e-7 * sizes(fine.attributions).max()
    assert np.abs(fine.convergence_delta).max() <= np.abs(found.convergence_delta).max() + small
    done = fine.status == "converged"
    assert close(found.attributions[done], fine.attributions[done], 2e-3)

    assert (found.attributions[:, DUMMY] == 0.0).all()
    assert close(found.attributions[:, [TWIN]], found.attributions[:, [OTHER_TWIN]], 1e-9, sizes(found.attributions))
    total = found.attributions.sum(axis=1) - (found.output - found.baseline_output)
    np.testing.assert_allclose(total, found.convergence_delta, atol=1e-12)

    starts = np.tile(baseline, (len(inputs), 1))
    forth = attribute(model, inputs, starts, target=target)
    back = attribute(model, starts, inputs, target=target)
    assert close(forth.attributions, -back.attributions, 1e-9)


def linearity(framework: str, architecture: Architecture) -> None:
    """IG of a F + b G is a IG(F) + b IG(G)."""
    one = replace(architecture, outputs=1)
    other = replace(one, blocks=one.blocks[::-1], seed=one.seed + 1)
    f, g = build(framework, one), build(framework, other)
    both = _weighted_sum(framework, one.features, [(1.5, f), (-0.7, g)])
    inputs, baseline = one.points(5), one.points(1, salt=1)[0]
    # Not all kinks of a sum of products of kinked layers are seen, and a narrow cell may pass two levels.
    of_f, of_g, of_both = (attribute(model, inputs, baseline, tolerance=1e-3).attributions for model in (f, g, both))
    assert close(of_both, 1.5 * of_f - 0.7 * of_g, 2e-3, 1.5 * sizes(of_f) + 0.7 * sizes(of_g))


def implementation_invariance(framework: str, architecture: Architecture) -> None:
    """Units in another order, and a layer split in two, are the same function with the same attributions."""
    same = _split_entry(framework, architecture, architecture.permuted(architecture.weights()))
    inputs, baseline = architecture.points(5), architecture.points(1, salt=1)[0]
    options: dict[str, Any] = {"target": last(architecture), "tolerance": 1e-4}
    one = attribute(build(framework, architecture), inputs, baseline, **options)
    two = attribute(same, inputs, baseline, **options)
    np.testing.assert_allclose(one.output, two.output, atol=1e-10)
    assert close(one.attributions, two.attributions, 2e-4)


def independence(framework: str, architecture: Architecture) -> None:
    """Rows in another order, split, alone, in batches of a few: the same numbers."""
    for dtype in ("float64", "float32"):
        model, target = build(framework, architecture, dtype=dtype), last(architecture)
        inputs, baseline = architecture.points(40), architecture.points(1, salt=1)[0]
        whole = attribute(model, inputs, baseline, target=target)
        order = np.random.default_rng(0).permutation(40)
        permuted = attribute(model, inputs[order], baseline, target=target)
        parts = [attribute(model, part, baseline, target=target) for part in (inputs[:1], inputs[1:13], inputs[13:])]
        limit = 36 * least_memory(model, inputs, target)
        small = attribute(model, inputs, baseline, target=target, memory_limit=limit)
        assert small.details["batches"]["count"] > whole.details["batches"]["count"]
        back = np.argsort(order)
        for attributions, evaluations in (
            (permuted.attributions[back], permuted.evaluations[back]),
            (np.concatenate([p.attributions for p in parts]), np.concatenate([p.evaluations for p in parts])),
            (small.attributions, small.evaluations),
        ):
            # A row within rounding of the threshold may take one level more.
            same = evaluations == whole.evaluations
            assert same.sum() >= 39
            assert close(attributions[same], whole.attributions[same], EXACT[dtype])


def agreement(_: str, architecture: Architecture) -> None:
    """torch and Keras: by one rule to rounding (Keras's GELU has a float32 constant), by their own to the tolerance."""
    inputs, baseline = architecture.points(20), architecture.points(1, salt=1)[0]
    for dtype, within in (("float64", 1e-7), ("float32", 1e-4)):
        models = [build(framework, architecture, dtype=dtype) for framework in ("torch", "keras")]
        options: dict[str, Any] = {"target": last(architecture)}
        fixed = [attribute(each, inputs, baseline, integrator="gauss_legendre", steps=16, **options) for each in models]
        assert close(fixed[0].attributions, fixed[1].attributions, within)
        np.testing.assert_allclose(fixed[0].output, fixed[1].output, rtol=1e-4, atol=within)
        own = [attribute(each, inputs, baseline, tolerance=1e-3, **options) for each in models]
        assert close(own[0].attributions, own[1].attributions, 2e-3)


def one_evaluation(framework: str, architecture: Architecture) -> None:
    """A linear model takes one evaluation, and is exact."""
    model, target = build(framework, architecture), last(architecture)
    found = attribute(model, architecture.points(7), architecture.points(1, salt=1)[0], target=target)
    assert (found.evaluations == 1).all()
    assert (found.error_estimate == 0.0).all()
    assert (np.abs(found.convergence_delta) <= 1e-12 * (np.abs(found.output) + np.abs(found.baseline_output))).all()


LINEAR = architectures(kinds=("plain", "residual", "concat"), activations=("linear",))
PROMISES: dict[str, tuple[Callable[[str, Architecture], None], st.SearchStrategy[Architecture]]] = {
    "axioms": (axioms, architectures(features=4)),
    "linearity": (linearity, architectures()),
    "implementation_invariance": (implementation_invariance, architectures()),
    "independence": (independence, architectures()),
    "agreement": (agreement, architectures()),
    "one_evaluation": (one_evaluation, LINEAR),
}


def keep(promise: str, framework: str, examples: int) -> None:
    """Check a promise on this many architectures, the same each run. A failing one is not made smaller (minutes)."""
    check, strategy = PROMISES[promise]

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(architecture: Architecture) -> None:
        check(framework, architecture)

    run()


def last(architecture: Architecture) -> int:
    return architecture.outputs - 1


def sizes(attributions: np.ndarray) -> np.ndarray:
    return np.abs(attributions).sum(axis=1, keepdims=True)


def close(one: np.ndarray, other: np.ndarray, within: float, size: np.ndarray | None = None) -> bool:
    """Whether rows differ by at most `within` of their L1 norm."""
    size = np.maximum(sizes(one), sizes(other)) if size is None else size
    return bool((np.abs(one - other).sum(axis=1, keepdims=True) <= within * size + 1e-12).all())


def least_memory(model: Any, inputs: np.ndarray, target: int) -> int:
    """Bytes that one row takes at one node, as the engine says it."""
    with pytest.raises(InputError, match="do not hold one row") as error:
        attribute(model, inputs, 0.0, target=target, memory_limit=1)
    return int(str(error.value).split("takes about ")[1].split(";")[0])


def _weighted_sum(framework: str, features: int, terms: list[tuple[float, Any]]) -> Any:
    if framework == "torch":
        import torch

        class Sum(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.parts = torch.nn.ModuleList(part for _, part in terms)

            def forward(self, x: Any) -> Any:
                return sum(weight * part(x) for (weight, _), part in zip(terms, self.parts, strict=True))

        return Sum().eval()
    import keras

    start = keras.Input((features,), dtype="float64")
    scaled = [keras.layers.Rescaling(weight, dtype="float64")(part(start)) for weight, part in terms]
    return keras.Model(start, keras.layers.Add(dtype="float64")(scaled))


def _split_entry(framework: str, architecture: Architecture, weights: Weights) -> Any:
    """The same function with a layer more: x R, then the network on it with R^-1 before its entry."""
    rotation = np.linalg.qr(np.random.default_rng(architecture.seed).normal(size=(architecture.features,) * 2))[0]
    model = build(framework, architecture, {**weights, "entry": rotation.T @ weights["entry"]})
    if framework == "torch":
        import torch

        first = torch.nn.Linear(*rotation.shape, bias=False).double()
        with torch.no_grad():
            first.weight.copy_(torch.tensor(rotation.T.copy()))
        return torch.nn.Sequential(first, model).eval()
    import keras

    start = keras.Input((architecture.features,), dtype="float64")
    first = keras.layers.Dense(architecture.features, use_bias=False, dtype="float64")
    turned = first(start)
    first.set_weights([rotation])
    return keras.Model(start, model(turned))
