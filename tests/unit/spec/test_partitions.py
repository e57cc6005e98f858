"""Partition expressions name one partition, a range, or all."""

import pytest

from ig_tasks.errors import PartitionError
from ig_tasks.spec import format_partition, select_partitions

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
