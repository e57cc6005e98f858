"""The contents list of a page: its headings, as they are found on it."""

from __future__ import annotations

import re

__all__ = ["PLACE", "with_contents"]

PLACE = "<!--contents-->"
"""Where the list goes. Text of the data cannot read like this: it is escaped."""
_HEADING = re.compile(r'<h2 id="([a-z0-9_-]+)">(.*?)</h2>', re.DOTALL)


def with_contents(page: str) -> str:
    """The page with a list of the headings that follow the place of the list; headings are escaped already."""
    before, _, after = page.partition(PLACE)
    links = "\n".join(f'<li><a href="#{name}">{title}</a></li>' for name, title in _HEADING.findall(after))
    return f'{before}<nav class="contents" aria-label="Contents">\n<ol>\n{links}\n</ol>\n</nav>{after}'
