"""Small random networks, drawn by hypothesis and built with the same weights in torch and in Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

__all__ = ["ACTIVATIONS", "Architecture", "Block", "Weights", "architectures", "build"]

ACTIVATIONS = ("relu", "leaky_relu", "relu6", "hard_tanh", "tanh", "silu", "gelu", "softplus", "elu")
KINDS = ("plain", "batch_norm", "layer_norm", "product", "residual", "concat")
_EPSILON = 1e-3
_LEAK = 0.2

Weights = dict[str, Any]  # {"entry": matrix, "blocks": [{name: array}], "readout": matrix, "bias": vector}


@dataclass(frozen=True)
class Block:
    """activation(W x + b), and what its kind adds: normalisation before it, a second branch times it, x beside it."""

    kind: str
    activation: str
    width: int


@dataclass(frozen=True)
class Architecture:
    """x -> entry (a matrix) -> blocks -> readout (outputs). Weights follow from `seed`."""

    features: int
    inner: int
    blocks: tuple[Block, ...]
    outputs: int
    seed: int

    def weights(self) -> Weights:
        """Weights (in, out), scaled so that values stay about as large as they are from layer to layer."""
        rng = np.random.default_rng(self.seed)

        def matrix(wide: int, narrow: int) -> np.ndarray:
            return rng.normal(size=(wide, narrow)) * np.sqrt(2.0 / wide)

        weights: Weights = {"entry": matrix(self.features, self.inner), "blocks": []}
        width = self.inner
        for block in self.blocks:
            wide = width if block.kind == "residual" else block.width
            one = {"W": matrix(width, wide), "b": 0.5 * rng.normal(size=wide)}
            if block.kind == "product":
                one |= {"V": matrix(width, wide), "c": rng.normal(size=wide)}
            if block.kind in ("batch_norm", "layer_norm"):
                one |= {"scale": rng.uniform(0.5, 1.5, wide), "shift": 0.5 * rng.normal(size=wide)}
            if block.kind == "batch_norm":
                one |= {"mean": rng.normal(size=wide), "variance": rng.uniform(0.5, 2.0, wide)}
            weights["blocks"].append(one)
            width = wide + width if block.kind == "concat" else wide
        return weights | {"readout": matrix(width, self.outputs), "bias": rng.normal(size=self.outputs)}

    def points(self, rows: int, salt: int = 0) -> np.ndarray:
        """Rows (rows, features) that go with the architecture."""
        return np.random.default_rng([self.seed, salt, rows]).normal(size=(rows, self.features)) * 1.5

    def permuted(self, weights: Weights) -> Weights:
        """The same function with the units of every block renumbered whose next layer can make up for it."""
        rng = np.random.default_rng(self.seed + 1)
        found: Weights = {**weights, "blocks": [dict(one) for one in weights["blocks"]]}
        for place, block in enumerate(self.blocks):
            following = self.blocks[place + 1].kind if place + 1 < len(self.blocks) else None
            if block.kind in ("residual", "concat") or following in ("residual", "concat"):
                continue
            order = rng.permutation(block.width)
            found["blocks"][place] = {name: value[..., order] for name, value in found["blocks"][place].items()}
            if following is None:
                found["readout"] = found["readout"][order]
            else:
                after = found["blocks"][place + 1]
                after |= {name: after[name][order] for name in ("W", "V") if name in after}
        return found


def architectures(
    *,
    kinds: tuple[str, ...] = KINDS,
    activations: tuple[str, ...] = ACTIVATIONS,
    features: int = 2,
    outputs: int = 3,
) -> st.SearchStrategy[Architecture]:
    """One to three blocks of width 2 to 9, of these kinds and activations; at least this many features."""

    def block(kind: str) -> st.SearchStrategy[Block]:
        # Two units normalised by their own mean and deviation are -1 and 1, whatever they were: nearly a step.
        least = 4 if kind == "layer_norm" else 2
        return st.builds(Block, st.just(kind), st.sampled_from(activations), st.integers(least, 9))

    blocks = st.sampled_from(kinds).flatmap(block)
    return st.builds(
        Architecture,
        features=st.integers(features, 6),
        inner=st.integers(2, 7),
        blocks=st.lists(blocks, min_size=1, max_size=3).map(tuple),
        outputs=st.integers(1, outputs),
        seed=st.integers(0, 2**31),
    )


def build(framework: str, architecture: Architecture, weights: Weights | None = None, dtype: str = "float64") -> Any:
    """The model in "torch" or "keras"; `weights` replace the architecture's own."""
    chosen = architecture.weights() if weights is None else weights
    return {"torch": _torch, "keras": _keras}[framework](architecture, chosen, dtype)


def _torch(architecture: Architecture, weights: Weights, dtype: str) -> Any:
    import torch
    from torch.nn import functional

    functions = {
        "relu": functional.relu,
        "leaky_relu": lambda z: functional.leaky_relu(z, _LEAK),
        "relu6": functional.relu6,
        "hard_tanh": functional.hardtanh,
        "tanh": torch.tanh,
        "silu": functional.silu,
        "gelu": functional.gelu,
        "softplus": functional.softplus,
        "elu": functional.elu,
        "linear": lambda z: z,
    }

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.entry = _linear(weights["entry"], None)
            self.parts = torch.nn.ModuleList()
            for block, one in zip(architecture.blocks, weights["blocks"], strict=True):
                part = torch.nn.ModuleDict({"main": _linear(one["W"], one["b"])})
                if "V" in one:
                    part["other"] = _linear(one["V"], one["c"])
                if "scale" in one:
                    part["norm"] = _norm(block.kind, one)
                self.parts.append(part)
            self.readout = _linear(weights["readout"], weights["bias"])

        def forward(self, x: Any) -> Any:
            x = self.entry(x)
            for block, part in zip(architecture.blocks, self.parts, strict=True):
                z = part["main"](x)
                value = functions[block.activation](part["norm"](z) if "norm" in part else z)
                if block.kind == "product":
                    value = value * part["other"](x)
                elif block.kind == "residual":
                    value = x + value
                elif block.kind == "concat":
                    value = torch.cat([value, x], dim=-1)
                x = value
            return self.readout(x)

    def _linear(weight: Any, bias: Any) -> Any:
        layer = torch.nn.Linear(*weight.shape, bias=bias is not None)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weight.T.copy()))
            if bias is not None:
                layer.bias.copy_(torch.tensor(bias))
        return layer.to(getattr(torch, dtype))

    def _norm(kind: str, one: Any) -> Any:
        wide = len(one["scale"])
        layer = torch.nn.LayerNorm(wide, _EPSILON) if kind == "layer_norm" else torch.nn.BatchNorm1d(wide, _EPSILON)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(one["scale"]))
            layer.bias.copy_(torch.tensor(one["shift"]))
            if kind == "batch_norm":
                layer.running_mean.copy_(torch.tensor(one["mean"]))
                layer.running_var.copy_(torch.tensor(one["variance"]))
        return layer.to(getattr(torch, dtype))

    # Weights are set in float64 first: a float32 layer would round them before the cast.
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return Net().eval()
    finally:
        torch.set_default_dtype(previous)


def _keras(architecture: Architecture, weights: Weights, dtype: str) -> Any:
    import keras

    layers = keras.layers
    x = start = keras.Input((architecture.features,), dtype=dtype)
    x = _set(layers.Dense(architecture.inner, use_bias=False, dtype=dtype), x, weights["entry"])
    for block, one in zip(architecture.blocks, weights["blocks"], strict=True):
        # The activation belongs to the Dense layer where nothing stands between them, as users write it.
        fused = block.kind not in ("batch_norm", "layer_norm") and block.activation != "leaky_relu"
        wide = one["W"].shape[1]
        value = _set(
            layers.Dense(wide, activation=block.activation if fused else None, dtype=dtype), x, one["W"], one["b"]
        )
        if block.kind == "layer_norm":
            value = _set(layers.LayerNormalization(epsilon=_EPSILON, dtype=dtype), value, one["scale"], one["shift"])
        if block.kind == "batch_norm":
            norm = layers.BatchNormalization(epsilon=_EPSILON, dtype=dtype)
            value = _set(norm, value, one["scale"], one["shift"], one["mean"], one["variance"])
        if not fused:
            activation = (
                layers.LeakyReLU(negative_slope=_LEAK, dtype=dtype)
                if block.activation == "leaky_relu"
                else layers.Activation(block.activation, dtype=dtype)
            )
            value = activation(value)
        if block.kind == "product":
            value = layers.Multiply(dtype=dtype)([value, _set(layers.Dense(wide, dtype=dtype), x, one["V"], one["c"])])
        elif block.kind == "residual":
            value = layers.Add(dtype=dtype)([x, value])
        elif block.kind == "concat":
            value = layers.Concatenate(dtype=dtype)([value, x])
        x = value
    outputs = _set(layers.Dense(architecture.outputs, dtype=dtype), x, weights["readout"], weights["bias"])
    return keras.Model(start, outputs)


def _set(layer: Any, tensor: Any, *values: Any) -> Any:
    result = layer(tensor)
    layer.set_weights([np.asarray(value) for value in values])
    return result
