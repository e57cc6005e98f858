"""What Integrated Gradients promises, on random architectures of both frameworks; the integration tests take more."""

from __future__ import annotations

import numpy as np
import pytest
from support.promises import keep

from ig_tasks.attribution import attribute

pytestmark = pytest.mark.graphs

# The integration tests take more. Tracing a Keras model takes most of a second.
EXAMPLES = {
    ("torch", "axioms"): 6,
    ("torch", "linearity"): 4,
    ("torch", "implementation_invariance"): 6,
    ("torch", "independence"): 2,
    ("torch", "one_evaluation"): 5,
    ("keras", "axioms"): 1,
    ("keras", "linearity"): 1,
    ("keras", "implementation_invariance"): 1,
    ("keras", "independence"): 1,
    ("keras", "one_evaluation"): 1,
    ("both", "agreement"): 1,
}


@pytest.mark.parametrize(("framework", "promise"), EXAMPLES)
def test_promises(framework: str, promise: str) -> None:
    keep(promise, framework, EXAMPLES[framework, promise])


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("integrator", ["auto", "secant"])
def test_a_product_of_two_branches_row_by_row(integrator: str, tolerance: float) -> None:
    """Where one row is left in the batch, a value (1, units) along the path looks like a constant."""
    import torch

    class Gated(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.one, self.two, self.out = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3), torch.nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(torch.nn.functional.silu(self.one(x)) * self.two(x))

    model, inputs = Gated().double(), np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.2]])
    truth = attribute(model, inputs, np.zeros(2), target=1, integrator="gauss_legendre", steps=200)
    found = attribute(model, inputs, np.zeros(2), target=1, integrator=integrator, tolerance=tolerance)
    size = np.abs(truth.attributions).sum(axis=1)
    assert (found.status == "converged").all()
    assert (np.abs(found.attributions - truth.attributions).sum(axis=1) <= tolerance * size).all()
