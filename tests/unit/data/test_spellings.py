"""An unknown category's nearest known one: another case, a blank, the form of a number or of a truth value."""

import pytest

from ig_tasks.data.spellings import Spellings, normal_form


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("AA", "aa"),
        ("AA ", "AA"),
        ("New  York", "new york"),
        ("1.0", "1"),
        ("01", "1"),
        ("1e3", "1000"),
        ("2.50", "2.5"),
        ("A\x00A", "AA"),
        ("A\u200bA", "AA"),
        ("\uff21\uff21", "AA"),
        ("Straße", "STRASSE"),
    ],
)
def test_spellings_of_one_category_have_one_form(first, second):
    assert normal_form(first) == normal_form(second)


@pytest.mark.parametrize(
    ("first", "second"), [("AA", "AB"), ("1", "10"), ("inf", "1"), ("nan", "0"), ("", "0"), ("1_0", "10")]
)
def test_other_categories_have_others(first, second):
    assert normal_form(first) != normal_form(second)


@pytest.mark.parametrize(
    ("known", "text", "meant"),
    [
        (["AA", "DL"], "aa", "AA"),
        (["AA", "DL"], "AA", None),
        (["AA", "DL"], "ZZ", None),
        (["1", "2"], "1.0", "1"),
        (["True", "False"], "true", "True"),
        (["True", "False"], "1", "True"),
        (["True", "False"], "no", "False"),
        (["0", "1"], "True", "1"),
        (["1", "2"], "True", None),
        (["yes", "no", "unsure"], "True", None),
    ],
)
def test_only_form_is_looked_through(known, text, meant):
    assert Spellings(known).alike(text) == meant


def test_what_is_nearly_spelled_so_is_near_and_not_alike():
    spellings = Spellings(["Newark", "LaGuardia", "Kennedy"])
    assert spellings.with_nearest(["newark", "Newarck", "Boston", "Newark2"]) == [
        ("newark", "Newark"),
        ("Newarck", "Newark"),
        ("Boston", None),
        ("Newark2", None),
    ]
    assert spellings.alike("Newarck") is None
    assert spellings.alike_among({"newark": 3, "Newarck": 5, "Boston": 7}) == 3
