"""A model that loses its gradients is told where, in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.errors import ModelError

torch = pytest.importorskip("torch")

DETACHED = "does not depend on the inputs through differentiable operations"
BEFORE = "explain the number that it is taken from, such as the logits"


class Losing(torch.nn.Module):
    def __init__(self, between: Callable[[Any], Any], after: Callable[[Any], Any] = lambda z: z) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.head = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)
        self.between, self.after = between, after

    def forward(self, x: Any) -> Any:
        return self.after(self.head(self.between(self.body(x))))


class Inference(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scores = torch.nn.Linear(3, 1)

    def forward(self, x):
        with torch.no_grad():
            return self.scores(x)


MODELS = {
    "detach": (lambda: Losing(lambda z: z.detach()), f"{DETACHED}; they are lost at 'detach'$"),
    "data": (lambda: Losing(lambda z: z.data), f"{DETACHED}; they are lost at 'data'$"),
    "step": (lambda: Losing(lambda z: (z > 0).to(z.dtype)), f"{DETACHED}; they are lost at 'gt'; {BEFORE}$"),
    "arg-max": (
        lambda: Losing(torch.relu, lambda z: z.argmax(1)),
        r"output is torch\.int64, which has no gradient; explain logits or probabilities; they are lost at 'argmax'$",
    ),
    "no_grad": (
        lambda: torch.nn.Sequential(torch.nn.Linear(3, 3), Inference()),
        f"{DETACHED}; they are lost at 'linear' in layer '1.scores', under torch.no_grad\\(\\)$",
    ),
    "script": (
        lambda: torch.jit.script(Inference()),
        f"{DETACHED}; the model is TorchScript that was frozen or traced without them: load it as a plain module$",
    ),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("name", MODELS)
def test_where_gradients_are_lost(name: str) -> None:
    make, message = MODELS[name]
    model = make()
    with pytest.raises(ModelError, match=message) as error:
        attribute(model, np.ones((2, 3)), np.zeros(3), target=0)
    assert "\n" not in str(error.value)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_frozen_script_that_still_differentiates_is_explained() -> None:
    model = torch.jit.freeze(torch.jit.script(torch.nn.Sequential(torch.nn.Linear(3, 1)).eval()))
    found = attribute(model, np.ones((2, 3), np.float32), np.zeros(3, np.float32))
    assert (found.status == "converged").all()
    assert "scripted" in found.details["affine_prefix"] or found.details["reason"]
