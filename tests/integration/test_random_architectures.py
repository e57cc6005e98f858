"""What Integrated Gradients promises, on many random architectures (a few of them are unit tests)."""

import pytest
from support.promises import keep
from support.sweeps import sized

# Thirty examples hold each kind of block three times and each activation; so do ten, once. What takes seconds per
# architecture (independence, and Keras) has fewer: which faults those sizes would miss is not known.
EXAMPLES = {
    ("torch", "axioms"): sized(30, 80),
    ("torch", "linearity"): sized(30, 60),
    ("torch", "implementation_invariance"): sized(30, 80),
    ("torch", "independence"): sized(4, 20),
    ("torch", "one_evaluation"): sized(20, 40),
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
