"""The documents of this repository as a reader uses them: their blocks, their commands, their links.

A block is fenced. A comment on the line before the fence, `<!-- test: ... -->`, says how it is tested; a first line
`# path/to/file` in a block says which file it is.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOLE = "…"

_FENCE = re.compile(r"^```(\w*)\s*$")
_DIRECTIVE = re.compile(r"^<!-- test: (.+) -->$")
_FILE = re.compile(r"^# ([\w./-]+\.(?:ya?ml|py))$")
_HEADING = re.compile(r"^#{1,6} (.+)$")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_TAIL = re.compile(rf"[;{HOLE}] ?(?:did you mean '{HOLE}'\? )?([a-z ]+): {HOLE}$")
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """One fenced block: where it is, its language, its text, and what a comment before it says of its test."""

    document: str
    line: int
    language: str
    text: str
    directive: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def file(self) -> str | None:
        """The path on the first line, if the block is a file."""
        found = _FILE.match(self.text.split("\n", 1)[0])
        return found.group(1) if found else None

    @property
    def as_file(self) -> str | None:
        """The file that a block without comments of its own is: `<!-- test: file NAME -->`."""
        return self.directive.removeprefix("file ") if self.directive.startswith("file ") else None

    @property
    def skipped(self) -> bool:
        return self.directive.startswith("skip because ")

    def commands(self) -> list[list[str]]:
        """The words of each command line, without comments, variables and continued lines."""
        lines = self.text.replace("\\\n", " ").splitlines()
        words = [shlex.split(line, comments=True) for line in lines]
        found = []
        for line in words:
            while line and re.fullmatch(r"\w+=\S*", line[0]):
                line = line[1:]
            if line:
                found.append(line)
        return found


def documents() -> list[Path]:
    """README.md, docs/*.md and the pages for those who come from elsewhere."""
    pages = [*sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "migrate").glob("*.md"))]
    return [ROOT / "README.md", *pages]


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a document, in order."""
    found: list[Block] = []
    lines = path.read_text(encoding="utf-8").split("\n")
    number = 0
    while number < len(lines):
        opening = _FENCE.match(lines[number])
        if opening is None:
            number += 1
            continue
        end = next(at for at in range(number + 1, len(lines)) if lines[at].rstrip() == "```")
        before = _DIRECTIVE.match(lines[number - 1].strip()) if number else None
        text = "\n".join(lines[number + 1 : end]) + "\n"
        name = path.relative_to(ROOT).as_posix()
        found.append(Block(name, number + 2, opening.group(1), text, before.group(1) if before else ""))
        number = end + 1
    return found


def prose(path: Path) -> str:
    """A document without its blocks."""
    return re.sub(r"^```.*?^```\s*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def inline_code(path: Path) -> list[str]:
    return _CODE.findall(prose(path))


def links(path: Path) -> list[str]:
    """Targets of links and pictures that do not lead out of the repository."""
    return [target for target in _LINK.findall(prose(path)) if "://" not in target]


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives a document's headings."""
    headings = [found.group(1) for line in prose(path).splitlines() if (found := _HEADING.match(line))]
    plain = [re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def make_variables() -> set[str]:
    """What the command line of make may set: what the Makefile takes from outside where it is given."""
    return set(
        re.findall(r"^(?:ifndef |export )?([A-Z_]+)(?: \?=|$)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    )


def said_by_the_code() -> list[str]:
    """Every text in the package, with a hole where a value is put in: what its messages look like."""
    found: list[str] = []
    for path in sorted((ROOT / "ig_tasks").rglob("*.py")):
        found += _texts(ast.parse(path.read_text(encoding="utf-8")))
    return found


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values]
            yield "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def not_said(message: str, texts: list[str]) -> list[str]:
    """The parts of a message, as a document quotes it, that no text of the code holds.

    Its tail may be that of `errors.suggest`: the nearest name, then `<noun>: ` and those there are.
    """
    tail = _TAIL.search(message)
    if tail and tail.group(1) in texts:
        message = message[: tail.start()]
    parts = [part.strip(" ;:,'()") for part in message.split(HOLE)]
    return [part for part in parts if len(part) > 2 and not any(part in text for text in texts)]
