"""What Integrated Gradients promises, on many random architectures (a few of them are unit tests)."""

import pytest
from support.promises import keep

EXAMPLES = {
    ("torch", "axioms"): 80,
    ("torch", "linearity"): 60,
    ("torch", "implementation_invariance"): 80,
    ("torch", "independence"): 20,
    ("torch", "one_evaluation"): 40,
    ("keras", "axioms"): 5,
    ("keras", "linearity"): 4,
    ("keras", "implementation_invariance"): 4,
    ("keras", "independence"): 3,
    ("keras", "one_evaluation"): 6,
    ("both", "agreement"): 4,
}


@pytest.mark.parametrize(("framework", "promise"), EXAMPLES)
def test_promises(framework, promise):
    keep(promise, framework, EXAMPLES[framework, promise])
