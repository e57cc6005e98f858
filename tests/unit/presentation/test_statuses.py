"""What a row's status means, in a spec's words and in a call's."""

from __future__ import annotations

import pytest

from ig_tasks.attribution.result import CONVERGED, MAX_EVALUATIONS, NOT_FINITE, UNVERIFIED
from ig_tasks.presentation.statuses import PROVEN_BY, row_words


def test_a_converged_row_needs_no_words() -> None:
    assert row_words(CONVERGED) == ""


@pytest.mark.parametrize("status", [UNVERIFIED, MAX_EVALUATIONS, NOT_FINITE])
@pytest.mark.parametrize("in_spec", [True, False])
def test_every_other_status_has_a_meaning_and_a_remedy(status: str, in_spec: bool) -> None:
    meaning, semicolon, remedy = row_words(status, in_spec=in_spec).partition("; ")
    assert meaning.startswith(f"{status.replace('_', ' ').capitalize()}: ")
    assert semicolon
    assert remedy.endswith(".")


def test_the_remedy_for_unverified_names_the_rule_that_proves() -> None:
    assert row_words(UNVERIFIED).endswith(f"; {PROVEN_BY}.")
    assert "integrator: auto" in PROVEN_BY
    assert row_words(UNVERIFIED, in_spec=False).endswith("; leave steps out and use integrator='auto'.")
