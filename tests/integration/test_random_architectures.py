"""What Integrated Gradients promises, on many random architectures (a few of them are unit tests)."""

import pytest
from support.promises import keep
from support.sweeps import sized

# The six kinds of blocks and nine activations each come in some ten architectures of one to three blocks.
EXAMPLES = {
    ("torch", "axioms"): sized(30, 80),
    ("torch", "linearity"): sized(20, 60),
    ("torch", "implementation_invariance"): sized(30, 80),
    ("torch", "independence"): sized(4, 20),
    ("torch", "one_evaluation"): sized(15, 40),
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
