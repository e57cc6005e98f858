"""What a report may be compared with."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ig_tasks.spec import DriftSpec


@pytest.mark.parametrize(
    ("given", "read", "steps"),
    [
        ("previous", "previous", 1),
        ("previous:12", "previous:12", 12),
        (None, "none", None),
        (False, "none", None),
        (2013, "2013", None),
        (" launch ", "launch", None),
        ("2013-01..2013-09", "2013-01..2013-09", None),
    ],
)
def test_a_reference_is_a_word_a_partition_or_a_run(given: object, read: str, steps: int | None) -> None:
    section = DriftSpec(reference=given)  # type: ignore[arg-type]
    assert (section.reference, section.steps_back) == (read, steps)


@pytest.mark.parametrize(
    "given", ["", " ", "../../etc", "/etc/x", "a\\b", "..", "https://host/x", "previous:0", "previous:"]
)
def test_a_reference_is_no_path_and_no_link(given: str) -> None:
    with pytest.raises(ValidationError) as error:
        DriftSpec(reference=given)
    assert not given.strip() or given not in str(error.value) or given.startswith("previous")
