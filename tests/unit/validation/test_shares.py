"""How many of those that were judged are as they should be."""

import pytest

from ig_tasks.validation.shares import all_but


@pytest.mark.parametrize(
    ("failed", "judged", "words"),
    [
        (0, 28_454, "all 28,454"),
        (3, 28_454, "all but 3 of 28,454"),
        (7, 7, "none of 7"),
        (0, 0, "no row to judge"),
    ],
)
def test_words(failed, judged, words):
    assert all_but(failed, judged) == words
