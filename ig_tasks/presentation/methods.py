"""What is known of every attribution method, whatever the model: its citation, and what of its numbers is proven."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["METHODS", "MethodFacts", "method_facts"]


@dataclass(frozen=True)
class MethodFacts:
    """What people are told of a method.

    Args:
        title: the method and its citation.
        question: the question that it answers.
        complete: attributions add up to the difference of two outputs, and the delta is measured.
        estimated: the error of each row is estimated, so that rows can converge.
    """

    title: str
    question: str
    complete: bool
    estimated: bool

    @property
    def unproven(self) -> str:
        """Why no row of this method converges; empty where rows can."""
        if self.estimated:
            return ""
        if self.complete:
            return "this method adds up by its definition and has no error estimate"
        return "this method has neither completeness nor an error estimate"


METHODS: dict[str, MethodFacts] = {
    "integrated_gradients": MethodFacts(
        "Integrated Gradients (Sundararajan, Taly and Yan, 2017)",
        "What of the difference to the baseline's output is due to each feature?",
        complete=True,
        estimated=True,
    ),
    "expected_gradients": MethodFacts(
        "Expected Gradients (Erion et al., 2021)",
        "The same, on average over baselines that are drawn from data, with the error of the draw.",
        complete=True,
        estimated=True,
    ),
    "weighted_baselines": MethodFacts(
        "Integrated Gradients over weighted baselines (Sundararajan, Taly and Yan, 2017)",
        "The same, on average over baselines that do not count alike.",
        complete=True,
        estimated=True,
    ),
    "guided": MethodFacts(
        "Guided Integrated Gradients (Kapishnikov et al., 2021)",
        "The same, along a path that moves first what changes the output least.",
        complete=True,
        estimated=True,
    ),
    "blur": MethodFacts(
        "Blur Integrated Gradients (Xu, Venugopalan and Sundararajan, 2020)",
        "What does each pixel contribute as the picture comes into focus?",
        complete=True,
        estimated=True,
    ),
    "idgi": MethodFacts(
        "Important Direction Gradient Integration (Yang, Wang and Bilgic, 2023)",
        "What of each step's change is due to each feature, in the direction of the gradient alone?",
        complete=True,
        estimated=False,
    ),
    "conductance": MethodFacts(
        "Conductance (Dhamdhere, Sundararajan and Yan, 2018)",
        "What of the difference flows through each unit of a layer?",
        complete=True,
        estimated=True,
    ),
    "layer": MethodFacts(
        "Integrated Gradients of a layer (Sundararajan, Taly and Yan, 2017)",
        "What does each unit of a layer contribute, with the layer as the input?",
        complete=True,
        estimated=True,
    ),
    "neuron": MethodFacts(
        "Integrated Gradients of a neuron (Sundararajan, Taly and Yan, 2017)",
        "What does each feature contribute to the output of one unit, or of a group of units?",
        complete=True,
        estimated=True,
    ),
    "through_units": MethodFacts(
        "Conductance of inputs through units (Dhamdhere, Sundararajan and Yan, 2018)",
        "What does each feature contribute through some units of a layer alone?",
        complete=True,
        estimated=True,
    ),
    "integrated_hessians": MethodFacts(
        "Integrated Gradients with Integrated Hessians (Janizek, Sturmfels and Lee, 2021)",
        "What is due to each feature, and what of that to each pair?",
        complete=True,
        estimated=True,
    ),
    "saliency": MethodFacts(
        "Saliency (Simonyan, Vedaldi and Zisserman, 2014)",
        "To which features is the output sensitive at the row itself?",
        complete=False,
        estimated=False,
    ),
    "gradient_x_input": MethodFacts(
        "Gradient x input (Shrikumar et al., 2016)",
        "The gradient at the row itself, times the row.",
        complete=False,
        estimated=False,
    ),
    "noise_averaged": MethodFacts(
        "Noise-averaged attributions (Smilkov et al., 2017; Adebayo et al., 2018)",
        "Another method's attributions, on average over rows with noise.",
        complete=False,
        estimated=False,
    ),
}


def method_facts(name: str) -> MethodFacts:
    """What is known of a method. One of another version is taken to prove nothing."""
    known = METHODS.get(name)
    return known or MethodFacts(name.replace("_", " "), "", complete=False, estimated=False)
