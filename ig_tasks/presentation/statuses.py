"""What a row's status means and what to do about it: the same words in report, terminal, notebook and log."""

from __future__ import annotations

from ig_tasks.presentation.methods import method_facts

__all__ = ["PROVEN_BY", "proven_by", "row_words"]

PROVEN_BY = "set attribution.integrator: auto and leave attribution.steps out"
"""The remedy for `unverified` in a spec."""

_UNPROVEN = (
    "the attributions add up to within the tolerance, but a rule of fixed steps has no error estimate that would prove "
    "them"
)
# (what it means for one row, the remedy in a spec, the remedy in a call of `explain`)
_WORDS = {
    "unverified": (
        _UNPROVEN,
        PROVEN_BY,
        "leave steps out and use integrator='auto'",
    ),
    "max_evaluations": (
        "the integration did not reach the tolerance",
        "raise attribution.max_evaluations, or loosen attribution.tolerance",
        "raise max_evaluations (or steps), or loosen tolerance",
    ),
    "not_finite": (
        "a NaN or an infinity came up in the input, the baseline, the output or a gradient",
        "correct the data, or leave the row out",
        "correct the input or the baseline, or leave the row out",
    ),
}


def proven_by(method: str) -> str:
    """The remedy for `unverified` in a spec, by the method."""
    return "choose attribution.method: integrated_gradients" if method_facts(method).unproven else PROVEN_BY


def row_words(status: str, *, in_spec: bool = True, method: str = "integrated_gradients") -> str:
    """What the status of one row means and the remedy, as a sentence; empty for a row that converged.

    Args:
        in_spec: whether the remedy is a setting of a spec, or an argument of `explain`.
        method: by which the row was explained.

    >>> row_words("unverified").startswith("Unverified: the attributions add up to within the tolerance, but")
    True
    """
    if status not in _WORDS:
        return ""
    meaning, setting, argument = _WORDS[status]
    if status == "unverified" and (unproven := method_facts(method).unproven):
        meaning, setting, argument = unproven, proven_by(method), "for proven rows use method='integrated_gradients'"
    return f"{status.replace('_', ' ').capitalize()}: {meaning}; {setting if in_spec else argument}."
