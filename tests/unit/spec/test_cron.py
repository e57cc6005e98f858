"""A misprint in a cron expression is found when the spec is read, not when a DAG is made of it."""

import pytest

from ig_tasks.spec.cron import check_cron


@pytest.mark.parametrize(
    "text",
    [
        "0 6 2 * *",
        "*/15 0-23/2 1,15 JAN-mar mon-fri",
        "0 0 * * 7",
        "0 0 L * *",
        "0 0 * * fri#2",
        "0 0 29 2 *",
        "@weekly",
        "@quarterly",
        None,
    ],
)
def test_what_a_scheduler_takes_passes_unchanged(text):
    assert check_cron(text) == text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("* *", "it has 2 fields, not the five minute hour day month weekday"),
        ("0 25 * * *", "hour '25' means nothing; write 0 to 23"),
        ("99 * * * *", "minute '99' means nothing; write 0 to 59"),
        ("0 0 0 * *", "day '0' means nothing; write 1 to 31"),
        ("0 0 1-40 * *", "day '1-40' means nothing; write 1 to 31"),
        ("0 0 * janury *", "month 'janury' means nothing; write 1 to 12, or jan to dec"),
        ("0 0 * * monday", "weekday 'monday' means nothing; write 0 to 7, or sun to sat"),
        ("*/0 * * * *", "minute '*/0' means nothing; write 0 to 59, or a step such as */15"),
        ("1#2 * * * *", "minute '1#2' means nothing"),
        ("H * * * *", "minute 'H' means nothing"),
        ("0 0; * * *", "hour '0;' means nothing"),
        ("0 6 30 2 *", "there is no such day in any year"),
        ("@dayly", "words are @hourly, @daily"),
    ],
)
def test_what_none_takes_is_refused_with_the_reason(text, fault):
    with pytest.raises(ValueError, match="is not a cron expression") as caught:
        check_cron(text)
    assert f"({fault}" in str(caught.value)
