"""The architecture of architecture_torch.py in Keras: the same layers under the same names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras  # noqa: TID253 - imported by train_flights.py when it trains a Keras model
import numpy as np


def build(
    mean: np.ndarray,
    std: np.ndarray,
    categories: Mapping[str, Sequence[int]],
    hidden: Sequence[int],
    activation: str,
    spread: float = 0.05,
) -> Any:
    """A functional model of {"numeric": (rows, numbers), category: (rows,) ids} with one logit, (rows, 1).

    Built of Keras' own layers alone, so the file loads in safe mode, without code.
    """
    numeric = keras.Input((len(mean),), name="numeric", dtype="float32")
    ids = {name: keras.Input((), name=name, dtype="int64") for name in categories}
    standard = keras.layers.Normalization(name="standard", mean=mean.tolist(), variance=(std**2).tolist())
    embedded = [
        keras.layers.Embedding(size, width, keras.initializers.RandomNormal(stddev=spread), name=f"embed_{name}")(
            ids[name]
        )
        for name, (size, width) in categories.items()
    ]
    x = keras.layers.Concatenate(name="joined")([standard(numeric), *embedded])
    for index, units in enumerate(hidden):
        x = keras.layers.Dense(units, name=f"hidden_{index}")(x)
        x = keras.layers.Activation(activation, name=f"activation_{index}")(x)
    return keras.Model({"numeric": numeric, **ids}, keras.layers.Dense(1, name="output")(x), name="flights")
