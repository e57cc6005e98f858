"""Whether an explanation depends on what the model learned: its layers are randomised, one after the other.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt & Kim 2018, "Sanity Checks for Saliency Maps", section 3: from the output
downwards, so that each step has the layers before it random as well. Randomised are copies, never the given model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ig_tasks.attribution.backends import framework_of, no_model
from ig_tasks.errors import ModelError

__all__ = ["randomised_models"]


def randomised_models(model: Any, *, most: int, seed: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Layers (names, those nearest to the output first), and a copy in which they and all before them are random.

    A layer's weights are drawn from a normal distribution of mean 0 with the root mean square of its own.

    Args:
        most: steps; of more layers several are randomised at once.

    Raises:
        ModelError: for a model that cannot be copied, or has no weights.
    """
    framework = framework_of(model)
    if framework == "torch":
        from ig_tasks.attribution.backends.torch.randomised import layers_with_weights, randomised
    elif framework == "keras":
        from ig_tasks.attribution.backends.keras.randomised import layers_with_weights, randomised
    else:
        raise no_model(model)
    names = list(reversed(layers_with_weights(model)))
    if not names:
        raise ModelError("model: it has no layer whose weights could be random")
    for step, end in enumerate(_ends(len(names), most)):
        begin = 0 if step == 0 else _ends(len(names), most)[step - 1]
        yield tuple(names[begin:end]), randomised(model, names[:end], seed)


def _ends(layers: int, most: int) -> Sequence[int]:
    """How many layers are random after each step."""
    steps = min(layers, most)
    return [round((step + 1) * layers / steps) for step in range(steps)]
