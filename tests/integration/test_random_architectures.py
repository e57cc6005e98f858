"""What Integrated Gradients promises, on many random architectures (a few of them are unit tests)."""

import pytest
from support.promises import keep
from support.sweeps import sized

# Hypothesis draws kinds of blocks unevenly (one in 30 architectures may be the only one with `concat`), so that only
# what takes seconds per architecture is cut: independence, and Keras. Which faults those sizes would miss is not known.
EXAMPLES = {
    ("torch", "axioms"): 80,
    ("torch", "linearity"): 60,
    ("torch", "implementation_invariance"): 80,
    ("torch", "independence"): sized(4, 20),
    ("torch", "one_evaluation"): 40,
    ("keras", "axioms"): sized(3, 5),
    ("keras", "linearity"): sized(2, 4),
    ("keras", "implementation_invariance"): sized(2, 4),
    ("keras", "independence"): sized(2, 3),
    ("keras", "one_evaluation"): sized(3, 6),
    ("both", "agreement"): sized(2, 4),
}


@pytest.mark.parametrize(("framework", "promise"), EXAMPLES)
def test_promises(framework, promise):
    keep(promise, framework, EXAMPLES[framework, promise])
