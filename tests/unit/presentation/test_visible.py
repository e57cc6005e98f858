"""Control characters of the data are seen, not obeyed."""

from __future__ import annotations

import json

import pytest

from ig_tasks.presentation.visible import json_visible, visible, visible_everywhere

HIDDEN = ["\x00", "\x01", "\x08", "\x1b", "\x7f", "\x85", "\x9b", "\u200b", "\u202e", "\u2066", "\ud800", "\udfff"]
HIDDEN += ["\ufdd0", "\ufeff", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff", "\U000e0041"]


@pytest.mark.parametrize("letter", HIDDEN, ids=ascii)
def test_a_hidden_character_is_an_escape_of_plain_letters(letter: str) -> None:
    shown = visible(f"a{letter}b")
    assert shown.isascii()
    assert shown.isprintable()
    assert shown[1:-1].encode("ascii").decode("unicode_escape") == letter
    assert visible(shown) != shown, "the escape itself, written in the data, is told apart"


@pytest.mark.parametrize(
    "text", ["", "UA", "Zürich", "中文", "Ωμέγα", "a\u200cb", "\U0001f469\u200d\U0001f4bb", "100 %"]
)
def test_what_can_be_read_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_paths_keep_their_backslashes() -> None:
    assert visible(r"C:\temp\new") == r"C:\temp\new"


def test_line_breaks_stay_where_a_text_may_have_several_lines() -> None:
    assert visible("one\n\ttwo\x00", breaks=True) == "one\n\ttwo\\x00"
    assert visible("one\ntwo") == "one\\x0atwo"


def test_every_text_of_a_document_is_made_visible() -> None:
    held = {"a\x00": ["\x1b", {"b": ("\ufffe", 1, None, 0.5)}]}
    assert visible_everywhere(held) == {"a\\x00": ["\\x1b", {"b": ["\\ufffe", 1, None, 0.5]}]}


@pytest.mark.parametrize("letter", HIDDEN, ids=ascii)
def test_json_says_the_same_in_escapes(letter: str) -> None:
    held = {f"key{letter}": [f"a{letter}", "line\nbreak\tü"]}
    text = json_visible(json.dumps(held, indent=2, ensure_ascii=False))
    assert letter not in text
    text.encode("utf-8")
    assert json.loads(text) == held
    assert "ü" in text
