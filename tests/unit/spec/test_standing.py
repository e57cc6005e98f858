"""What of a spec stands although it does not load."""

import pytest

from ig_tasks.spec import load_spec
from ig_tasks.spec.standing import Standing, standing_of

TEXT = """\
version: 1
name: loans
owner: credit-risk
tags: [credit, monthly]
schedule:
  cron: "0 6 2 * *"      # the second of each month
  partition: "%Y-%m"
  offset: -1
model: m
data: {uri: d, partition: month}
"""


@pytest.fixture
def whole(tmp_path):
    """What the text says as long as it loads."""
    path = tmp_path / "loans.yaml"
    path.write_text(TEXT)
    return Standing.of(load_spec(path))


def test_a_text_that_loads_says_what_its_spec_says(whole):
    assert standing_of(TEXT) == whole
    assert (whole.name, whole.owner, whole.tags, whole.by_partition) == (
        "loans",
        "credit-risk",
        ("credit", "monthly"),
        True,
    )


@pytest.mark.parametrize("line", TEXT.splitlines()[:1] + TEXT.splitlines()[8:9])
@pytest.mark.parametrize("damage", ["{} [", "{}: x: y", "\t{}", "'{}", "{} &", "{}\n  - a\n b: - c"])
def test_damage_in_one_key_leaves_the_others(whole, line, damage):
    assert standing_of(TEXT.replace(line, damage.format(line))) == whole


@pytest.mark.parametrize(
    ("text", "field", "left"),
    [
        (TEXT.replace("offset: -1", "ofset: -1"), "schedule", {"cron": "0 6 2 * *", "partition": "%Y-%m"}),
        (TEXT.replace('"%Y-%m"', '"month"'), "schedule", {"cron": "0 6 2 * *"}),
        (TEXT.replace("offset: -1", "assets: [a]"), "schedule", {"cron": "0 6 2 * *"}),
        (TEXT.replace("0 6 2 * *", "0 6 2 *"), "schedule", None),
        (TEXT.replace("name: loans", "name: Loans!"), "name", ""),
        (TEXT.replace("owner: credit-risk", "owner: {a: b}"), "owner", ""),
    ],
)
def test_a_field_that_is_wrong_itself_is_as_it_was_else_as_far_as_it_goes(whole, text, field, left):
    assert standing_of(text, whole) == whole
    alone = standing_of(text)
    found = getattr(alone, field)
    assert (
        found.model_dump(exclude_defaults=True, exclude_unset=True) if left and field == "schedule" else found
    ) == left
    for other in {"name", "schedule", "owner", "tags"} - {field}:
        assert getattr(alone, other) == getattr(whole, other)


def test_a_key_that_was_cut_short_counts_less_than_the_last_good_version(whole):
    """The damage lies within the schedule: nobody knows what stood behind it."""
    text = TEXT.replace("  offset: -1", "  offset: [-1")
    assert standing_of(text, whole) == whole
    assert standing_of(text).schedule.model_dump(exclude_defaults=True) == {"cron": "0 6 2 * *", "partition": "%Y-%m"}


@pytest.mark.parametrize("text", ["", "- a", "\x00", "{" * 2000, "%YAML 9.9\n", "&a [*a]", "? [", "a: *unknown"])
def test_a_text_that_says_nothing_is_as_it_was(whole, text):
    assert standing_of(text, whole) == whole
    assert standing_of(text) == Standing()


def test_what_was_taken_out_of_a_text_that_is_yaml_is_gone(whole):
    text = "\n".join(line for line in TEXT.splitlines() if not line.startswith(("owner", "tags"))) + "\nmodle: x\n"
    assert standing_of(text, whole) == whole.model_copy(update={"owner": "", "tags": ()})
