"""One kit a framework: the same small models from the same weights, so that every engine test runs on both."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

RNG_SEED = 7

Dense = list[tuple[Any, Any, str | None]]


def weights_of(*sizes: int, activation: str = "tanh", seed: int = RNG_SEED) -> Dense:
    """Dense layers (weight (out, in), bias, activation) between `sizes`; the last one is linear."""
    rng = np.random.default_rng(seed)
    pairs = list(itertools.pairwise(sizes))
    return [
        (rng.normal(size=(wide, narrow)), rng.normal(size=wide), activation if place < len(pairs) - 1 else None)
        for place, (narrow, wide) in enumerate(pairs)
    ]


EMBEDDING = np.random.default_rng(3).normal(size=(6, 4))
TABULAR = weights_of(3 + 4, 8, 1, seed=11)
TOKENS = weights_of(4, 5, 2, seed=12)


class TorchKit:
    name = "torch"

    def apart(self) -> TorchKit:
        return self

    def dense(self, layers: Dense, dtype: str = "float64") -> Any:
        import torch

        modules: list[Any] = []
        for weight, bias, activation in layers:
            modules.append(self._linear(weight, bias, dtype))
            if activation:
                modules.append(
                    {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "silu": torch.nn.SiLU, "sigmoid": torch.nn.Sigmoid}[
                        activation
                    ]()
                )
        return torch.nn.Sequential(*modules).eval()

    def function(self, formula: str, width: int) -> Any:
        import torch

        names = {"min": torch.minimum, "max": torch.maximum, "sin": torch.sin, "sigmoid": torch.sigmoid}

        class Function(torch.nn.Module):
            def forward(self, x: Any) -> Any:
                return evaluate(formula, x, width, names, torch.full_like)

        return Function()

    def tabular(self, dtype: str = "float64") -> Any:
        import torch

        kit = self

        class Tabular(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.emb = torch.nn.Embedding.from_pretrained(
                    torch.tensor(EMBEDDING, dtype=getattr(torch, dtype)), freeze=False
                )
                self.body = kit.dense(TABULAR, dtype)

            def forward(self, num: Any, cat: Any) -> Any:
                return self.body(torch.cat([num, self.emb(cat)], dim=-1))

        return Tabular().eval()

    def tokens(self, dtype: str = "float64") -> Any:
        """ids (rows, 3) and mask (rows, 3) to two outputs."""
        import torch

        kit = self

        class Tokens(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.tok = torch.nn.Embedding.from_pretrained(
                    torch.tensor(EMBEDDING, dtype=getattr(torch, dtype)), freeze=False
                )
                self.body = kit.dense(TOKENS, dtype)

            def forward(self, ids: Any, mask: Any) -> Any:
                return self.body((self.tok(ids) * mask[..., None]).sum(1))

        return Tokens().eval()

    def two_outputs(self) -> Any:
        """A model that returns a dict: "late" (rows, 1) and "early" (rows, 1)."""
        import torch

        late, early = self.dense(weights_of(3, 4, 1, seed=1)), self.dense(weights_of(3, 4, 1, seed=2))

        class Two(torch.nn.Module):
            def forward(self, x: Any) -> Any:
                return {"late": late(x), "early": early(x)}

        return Two()

    def predict(self, model: Any, *args: Any, **inputs: Any) -> np.ndarray:
        import torch

        def tensor(value: Any) -> Any:
            dtype = next(model.parameters()).dtype
            array = torch.as_tensor(value)
            return array.to(dtype) if array.is_floating_point() else array

        with torch.no_grad():
            return model(*map(tensor, args), **{k: tensor(v) for k, v in inputs.items()}).double().numpy()

    def _linear(self, weight: Any, bias: Any, dtype: str) -> Any:
        import torch

        linear = torch.nn.Linear(np.shape(weight)[1], np.shape(weight)[0]).to(getattr(torch, dtype))
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(np.asarray(weight, float)))
            linear.bias.copy_(torch.tensor(np.asarray(bias, float)))
        return linear


def traced_once(build: Callable[..., Any]) -> Callable[..., Any]:
    """Models of the same arguments are one model: tracing a Keras model takes longer than explaining with it."""

    @functools.wraps(build)
    def shared(kit: Any, *arguments: Any) -> Any:
        key = (build.__name__, str(arguments), *(np.asarray(part).tobytes() for part in parts(arguments)))
        if key not in kit.models:
            made = build(kit, *arguments)
            if not kit.shared:
                return made
            kit.models[key] = made
        return kit.models[key]

    def parts(arguments: Any) -> Any:
        layers = arguments[0] if arguments and isinstance(arguments[0], list) else []
        return [part for weight, bias, _ in layers for part in (weight, bias)]

    return shared


class KerasKit:
    """Its models are shared by the tests of a process. `apart()` has models of its own, for tests that change them."""

    name = "keras"

    def __init__(self, *, shared: bool = True) -> None:
        self.shared = shared
        self.models: dict[Any, Any] = {}

    def apart(self) -> KerasKit:
        return KerasKit(shared=False)

    @traced_once
    def dense(self, layers: Dense, dtype: str = "float64") -> Any:
        import keras

        inputs = keras.Input((np.shape(layers[0][0])[1],), dtype=dtype)
        return keras.Model(inputs, self._chain(inputs, layers, dtype))

    @traced_once
    def function(self, formula: str, width: int) -> Any:
        import keras

        ops = keras.ops
        names = {"min": ops.minimum, "max": ops.maximum, "sin": ops.sin, "sigmoid": ops.sigmoid}

        class Function(keras.Model):
            def call(self, x: Any) -> Any:
                return evaluate(formula, x, width, names, ops.full_like)

        return Function(dtype="float64")

    @traced_once
    def tabular(self, dtype: str = "float64") -> Any:
        import keras

        num, cat = keras.Input((3,), name="num", dtype=dtype), keras.Input((), name="cat", dtype="int32")
        vectors = self._embedding("emb", dtype)(cat)
        joined = keras.layers.Concatenate(dtype=dtype)([num, vectors])
        return keras.Model({"num": num, "cat": cat}, self._chain(joined, TABULAR, dtype))

    @traced_once
    def tokens(self, dtype: str = "float64") -> Any:
        import keras

        ids, mask = keras.Input((3,), name="ids", dtype="int64"), keras.Input((3,), name="mask", dtype=dtype)
        vectors = self._embedding("tok", dtype)(ids)
        summed = keras.ops.sum(vectors * keras.ops.expand_dims(mask, -1), axis=1)
        return keras.Model({"ids": ids, "mask": mask}, self._chain(summed, TOKENS, dtype))

    @traced_once
    def two_outputs(self) -> Any:
        import keras

        x = keras.Input((3,), dtype="float64")
        late = self._chain(x, weights_of(3, 4, 1, seed=1), "float64")
        early = self._chain(x, weights_of(3, 4, 1, seed=2), "float64")
        return keras.Model(x, {"late": late, "early": early})

    def predict(self, model: Any, *args: Any, **inputs: Any) -> np.ndarray:
        return np.asarray(model(*args) if args else model(inputs), dtype=np.float64)

    def _embedding(self, name: str, dtype: str) -> Any:
        import keras

        layer = keras.layers.Embedding(*EMBEDDING.shape, name=name, dtype=dtype)
        layer.build((None,))
        layer.set_weights([EMBEDDING])
        return layer

    def _chain(self, tensor: Any, layers: Dense, dtype: str) -> Any:
        import keras

        for weight, bias, activation in layers:
            layer = keras.layers.Dense(len(bias), activation=activation, dtype=dtype)
            tensor = layer(tensor)
            layer.set_weights([np.asarray(weight, float).T, np.asarray(bias, float)])
        return tensor


def evaluate(formula: str, x: Any, width: int, names: dict[str, Any], full_like: Any) -> Any:
    """`formula` of ig_cases.json on the columns of x (rows, width), in either framework: (rows,)."""
    columns = {f"x{place}": x[:, place] for place in range(width)} | {"x": x[:, 0]}

    def pairwise(function: Any) -> Any:
        return lambda a, b: function(a, full_like(a, b) if isinstance(b, float) else b)

    scope = names | {"min": pairwise(names["min"]), "max": pairwise(names["max"])}
    return eval(formula, {"__builtins__": {}}, scope | columns)  # noqa: S307 - formulas of our own file


KITS = TorchKit(), KerasKit()


@pytest.fixture(params=KITS, ids=lambda kit: kit.name)
def kit(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def kits() -> tuple[Any, Any]:
    return KITS


@pytest.fixture
def layers_of() -> Any:
    return weights_of


@pytest.fixture
def embedding() -> np.ndarray:
    return EMBEDDING


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(RNG_SEED)


@pytest.fixture
def keras_in_double() -> Any:
    """Keras models in double precision, with the same weights in every run."""
    keras = pytest.importorskip("keras")
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    keras.utils.set_random_seed(1)
    yield
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(policy)
