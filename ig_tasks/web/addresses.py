"""The addresses of all pages, below wherever the browser is mounted.

A name is one segment of a path. What a path would mind in it is written with a tilde, so that proxies that decode
`%2F` or resolve `..` find nothing to do: `/` is `~-`, `~` is `~~`, and a name of dots alone, or an empty one, begins
with `~.`. Half a letter, which no address can hold, is `~x` and its four digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

__all__ = ["Addresses", "from_segment", "segment"]

_WRITTEN = {"~": "~~", "/": "~-", "\\": "~_"}
_MARKED = re.compile("~x(d[89a-f][0-9a-f]{2})|~(.)", re.DOTALL)
_READ = {written[1]: letter for letter, written in _WRITTEN.items()}


def segment(name: str) -> str:
    """A name as one segment of an address; `from_segment` reads it.

    >>> segment("carrier"), segment("a/b ~c"), segment("..")
    ('carrier', 'a~-b%20~~c', '~...')
    """
    text = "".join(_WRITTEN.get(letter, letter) for letter in name)
    text = re.sub("[\ud800-\udfff]", lambda half: f"~x{ord(half[0]):04x}", text)
    return quote(f"~.{text}" if not text.strip(".") else text, safe="~")


def from_segment(text: str) -> str:
    """The name in a segment that the server has decoded.

    >>> from_segment("a~-b ~~c"), from_segment("~...")
    ('a/b ~c', '..')
    """
    return _MARKED.sub(_letter, text.removeprefix("~."))


def _letter(marked: re.Match[str]) -> str:
    return chr(int(marked[1], 16)) if marked[1] else _READ.get(marked[2], marked[0])


class Addresses:
    """Addresses of pages as paths, with `root` in front: `/ig`, or `/airflow/ig` behind a prefix.

    Every method takes query parameters by name; None leaves one out, a list repeats it.
    """

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")

    def overview(self, **query: Any) -> str:
        """All specs."""
        return f"{self.root}/{_query(query)}"

    def model(self, name: str, **query: Any) -> str:
        """One spec over its partitions."""
        return f"{self.root}/{segment(name)}{_query(query)}"

    def report(self, name: str, run_id: str, **query: Any) -> str:
        """One report; `revision` chooses an earlier rendering."""
        return f"{self.root}/{segment(name)}/{segment(run_id)}{_query(query)}"

    def feature(self, name: str, run_id: str, feature: str, **query: Any) -> str:
        """One feature of a report."""
        return f"{self.report(name, run_id)}/features/{segment(feature)}{_query(query)}"

    def rows(self, name: str, run_id: str, **query: Any) -> str:
        """Rows of a report, filtered."""
        return f"{self.report(name, run_id)}/rows{_query(query)}"

    def row(self, name: str, run_id: str, row_id: str, **query: Any) -> str:
        """One row."""
        return f"{self.report(name, run_id)}/rows/{segment(row_id)}{_query(query)}"

    def download(self, name: str, run_id: str, file: str, **query: Any) -> str:
        """A file made of a report or its rows."""
        return f"{self.report(name, run_id)}/download/{segment(file)}{_query(query)}"

    def compare(self, **query: Any) -> str:
        """Two reports side by side; no spec's name begins with a dash."""
        return f"{self.root}/-/compare{_query(query)}"

    def static(self, file: str) -> str:
        """A file of the package."""
        return f"{self.root}/-/static/{file}"


def _query(parts: Mapping[str, Any]) -> str:
    present = {name: value for name, value in parts.items() if value is not None}
    return f"?{urlencode(present, doseq=True, errors='surrogatepass')}" if present else ""
