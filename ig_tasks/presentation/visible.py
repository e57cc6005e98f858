"""Text of the data made visible: control characters as escapes, so that no page, chart or terminal obeys them.

A NUL ends the process in the chart library, an escape character commands a terminal, a right-to-left override turns
what follows it around. A reader sees `\\x1b` instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["json_visible", "visible", "visible_everywhere"]

_BREAKS = "\t\n\r"
# Controls, lone surrogates, noncharacters, line separators, and the marks that change a text's direction or hide.
# What joins letters (U+200C, U+200D) stays: scripts and emoji need it.
_HIDDEN = (
    "\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(17))
    + "\U000e0000-\U000e007f"
)
# A backslash that only looks like the start of an escape is doubled: two texts never read the same.
_ESCAPED = re.compile(rf"[{_HIDDEN}]|\\(?=x[0-9a-f]{{2}}|u[0-9a-f]{{4}}|U[0-9a-f]{{8}})")

# JSON escapes what is below a blank itself; the line breaks that are left are the document's own.
_IN_JSON = re.compile(rf"(?![\t\n\r])[{_HIDDEN}]")


def visible(text: str, *, breaks: bool = False) -> str:
    """`text` with each character that cannot be seen as an escape of plain letters.

    Args:
        breaks: whether line breaks and tabs stay as they are, as in a description of several lines.

    >>> visible("a\\x00b"), visible("\\x1b[31m"), visible("caf\\u00e9 \\u4e2d")
    ('a\\\\x00b', '\\\\x1b[31m', 'café 中')
    """
    return _ESCAPED.sub(lambda match: _escape(match.group(), breaks), text)


def _escape(letter: str, breaks: bool) -> str:
    if breaks and letter in _BREAKS:
        return letter
    if letter == "\\":
        return "\\\\"
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible_everywhere(value: Any) -> Any:
    """`value` with every text in its mappings and lists made visible: keys too."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {visible_everywhere(key): visible_everywhere(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [visible_everywhere(item) for item in value]
    return value


def json_visible(document: str) -> str:
    """JSON whose hidden characters are written as JSON's own escapes: the same document, safe to print and to encode.

    >>> json_visible('{"a": "\\u202e"}') == '{"a": "\\\\u202e"}'
    True
    """
    return _IN_JSON.sub(lambda match: json.dumps(match.group())[1:-1], document)
