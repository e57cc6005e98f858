"""Small models with embeddings, in both frameworks."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["pair_of_tokens"]

VECTORS = np.array([[0.0], [1.0], [1.7], [0.5]])


def pair_of_tokens(framework: str, kink: float) -> tuple[Any, np.ndarray]:
    """relu(5 + relu(first(left) - kink) - relu(second(right) - kink)), and the vectors of both embeddings."""
    if framework == "torch":
        import torch

        class Pair(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.first, self.second = (
                    torch.nn.Embedding.from_pretrained(torch.tensor(VECTORS), freeze=False) for _ in range(2)
                )

            def forward(self, left: Any, right: Any) -> Any:
                one, two = self.first(left)[:, 0], self.second(right)[:, 0]
                return torch.relu(5 + torch.relu(one - kink) - torch.relu(two - kink))

        return Pair().eval(), VECTORS
    import keras

    left, right = (keras.Input((), name=name, dtype="int32") for name in ("left", "right"))
    tensors = []
    for name, ids in (("first", left), ("second", right)):
        layer = keras.layers.Embedding(*VECTORS.shape, name=name, dtype="float64")
        layer.build((None,))
        layer.set_weights([VECTORS])
        tensors.append(keras.ops.relu(layer(ids) - kink))
    output = keras.ops.relu(5 + tensors[0] - tensors[1])
    return keras.Model({"left": left, "right": right}, output), VECTORS
