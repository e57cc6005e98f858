"""Partition expressions name one partition, a range, or all."""

import pytest

from ig_tasks.errors import PartitionError
from ig_tasks.spec import format_partition, select_partitions
from ig_tasks.spec.partitions import partition_order

MONTHS = [f"2013-{month:02d}" for month in range(1, 13)]


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        (None, MONTHS),
        ("all", MONTHS),
        ("2013-10", ["2013-10"]),
        ("2013-01..2013-03", ["2013-01", "2013-02", "2013-03"]),
        ("2012-01..2013-01", ["2013-01"]),
    ],
)
def test_an_expression_chooses_partitions_in_order(expression, chosen):
    assert select_partitions(expression, MONTHS) == chosen


@pytest.mark.parametrize("expression", ["2014-01", "2013-03..2013-01", "2013"])
def test_an_absent_partition_lists_those_present(expression):
    with pytest.raises(PartitionError, match=r"is not in the data; partitions: 2013-01, 2013-02, .*2013-12$"):
        select_partitions(expression, MONTHS)


@pytest.mark.parametrize("value", ["New York", "a/b", "../x", "2013-01-01 00:00:00", "50%"])
def test_a_value_may_be_any_text_that_a_folder_was_named_by(value):
    assert select_partitions(value, sorted([value, "other"])) == [value]


@pytest.mark.parametrize("expression", ["..", " ", "a\nb", "a..b\x1b[31m", "a\tb"])
def test_what_cannot_be_printed_or_is_empty_is_refused(expression):
    with pytest.raises(PartitionError, match="write a value such as 2013-10"):
        format_partition(expression)


@pytest.mark.parametrize(
    "ordered",
    [
        ["all", "1", "2", "9", "10", "11", "100"],
        ["all", "-3", "-1", "0", "0.5", "2"],
        ["week 9", "week 10", "week 10b"],
        ["2013-9", "2013-10", "2014-1"],
        ["2013-01-31", "2013-02-01", "2013-01..2013-03"],
        ["all", "2013", "2013-01", "a", "b"],
    ],
)
def test_partitions_are_ordered_as_people_count(ordered):
    shuffled = [*ordered[1::2], *ordered[::2]]
    assert sorted(shuffled, key=partition_order) == ordered


def test_a_range_of_numbers_holds_those_between():
    assert select_partitions("8..10", ["7", "8", "9", "10", "11"]) == ["8", "9", "10"]
    assert select_partitions("2..12", [str(week) for week in range(1, 14)]) == [str(week) for week in range(2, 13)]
