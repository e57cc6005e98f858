"""Numbers as people read them."""

from __future__ import annotations

import pytest

from ig_tasks.reports.numerals import apart, count, duration, interval, number, share, value

NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (0.0, "0"),
        (1234.5678, "1,235"),
        (9999.96, "10,000"),
        (1234567.0, "1,234,567"),
        (0.0123456, "0.01235"),
        (-2.0, "−2.000"),
        (-0.000123449, "−0.0001234"),
        (1.5e-7, f"1.500{NBSP}×{NBSP}10⁻⁷"),
        (-2.5e12, f"−2.500{NBSP}×{NBSP}10¹²"),
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "–"),
    ],
)
def test_number_has_four_significant_digits_and_a_real_minus(figure: float | None, text: str) -> None:
    assert number(figure) == text


@pytest.mark.parametrize("figure", [3.14159265, -0.0271828, 12345.678, 9.87654e-11, 6.022e23])
def test_number_is_within_half_a_unit_of_its_fourth_digit(figure: float) -> None:
    text = number(figure).replace("−", "-").replace(",", "").replace(f"{NBSP}×{NBSP}10", "e")
    read = float(text.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")))
    assert read == pytest.approx(figure, rel=5e-4)


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (1.0, "100 %"),
        (0.0, "0 %"),
        (0.5, "50.0 %"),
        (0.9996, "99.96 %"),
        (0.99996, "99.996 %"),
        (0.0001, "0.01 %"),
        (1 - 1e-12, "over 99.999999 %"),
        (1e-12, "under 0.000001 %"),
        (None, "–"),
    ],
)
def test_a_share_never_rounds_to_all_or_nothing(part: float | None, text: str) -> None:
    assert share(part) == text.replace(" %", f"{NBSP}%")


@pytest.mark.parametrize(
    ("held", "text"),
    [
        (2013, "2013"),
        (27031, "27,031"),
        (42.0, "42"),
        (-3, "−3"),
        (0.5, "0.5"),
        (0.123456, "0.1235"),
        (0.99996, "0.99996"),
        (1e-9, f"1.000{NBSP}×{NBSP}10⁻⁹"),
        (True, "yes"),
        ("UA", "UA"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_a_value_is_shown_as_it_was_held(held: object, text: str) -> None:
    assert value(held) == text  # type: ignore[arg-type]


def test_intervals_counts_and_durations() -> None:
    assert interval(-0.25, 0.5) == "−0.2500 to 0.5000"
    assert interval(None, 1.0) == "–"
    assert count(327346) == "327,346"
    assert [duration(seconds) for seconds in (0.25, 6.51, 125, 7325, None)] == [
        f"0.25{NBSP}s",
        f"6.5{NBSP}s",
        f"2{NBSP}min 5{NBSP}s",
        f"2{NBSP}h 2{NBSP}min",
        "–",
    ]


@pytest.mark.parametrize(
    ("held", "other", "said"),
    [
        (0.949996, "at least 0.95", "0.949996"),
        (0.95, "at least 0.95", "0.95"),
        (0.9500004, "at most 0.95", "0.9500004"),
        (0.99996, "at least 1.0", "0.99996"),
        (0.91, "at least 0.95", "0.91"),
        (1e-12, "0", "1.000\u00a0×\u00a010⁻¹²"),
        (3, 0, "3"),
        (0.5, "a word", "0.5"),
        (None, 0, "–"),
        (True, "yes", "yes"),
        ("word", "0.95", "word"),
    ],
)
def test_what_failed_never_reads_as_its_threshold(held: object, other: object, said: str) -> None:
    assert apart(held, other) == said  # type: ignore[arg-type]
