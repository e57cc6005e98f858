"""Where the numbers come from, in words: nested facts of a manifest as lines that people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ig_tasks.reports.numerals import count

__all__ = ["flat", "provenance_parts"]

_LONG = 6
_WORDS = {
    "attempts": "attempt",
    "dag_id": "DAG",
    "engine": "how it was integrated",
    "id": "column of ids",
    "keep_inputs": "inputs kept",
    "key": "key of the run",
    "key_parts": "what decides the numbers",
    "memory_limit": "memory for batches (bytes)",
    "prediction": "column of stored predictions",
    "rendering": "key of the checks and labels",
    "run_id": "run",
    "started_at": "started (UTC)",
    "target": "output",
    "uri": "address",
}
"""Keys whose words are not the key itself."""
_NAMES = {"versions", "files"}
"""What stands under these keys are names of packages and files, left as they are."""


def provenance_parts(provenance: Mapping[str, object]) -> list[tuple[str, list[tuple[str, str]]]]:
    """(title, pairs) for tables: short matters together under no title, each long one under its own."""
    short: list[tuple[str, str]] = []
    long: list[tuple[str, list[tuple[str, str]]]] = []
    for key, item in provenance.items():
        pairs = list(_leaves({key: item}))
        if len(pairs) > _LONG:
            named = [(_key_words(path[1:], named=key in _NAMES), text) for path, text in pairs]
            long.append((_key_words((key,)), named))
        else:
            short += [(_key_words(path), text) for path, text in pairs]
    return [("", short), *long]


def flat(nested: Mapping[str, object]) -> list[tuple[str, str]]:
    """Nested values as (words of the keys, text), in their order.

    >>> flat({"versions": {"numpy": "2.0"}, "batch_plan": {"shard_rows": 16384}})
    [('Versions, numpy', '2.0'), ('Batch plan, shard rows', '16,384')]
    """
    return [(_key_words(path, known={}), text) for path, text in _leaves(nested)]


def _key_words(path: tuple[str, ...], *, named: bool = False, known: Mapping[str, str] = _WORDS) -> str:
    """The keys of a path in words; those under a key of names, and numbers of a list, as they are."""
    if named:
        return ", ".join(path)
    words: list[str] = []
    for place, key in enumerate(path):
        if key.isdigit() and words:
            words[-1] += f" {key}"
        elif place and path[place - 1] in _NAMES:
            words.append(key)
        else:
            words.append(known.get(key, key.replace("_", " ")))
    sentence = ", ".join(words)
    return sentence[:1].upper() + sentence[1:]


def _leaves(nested: Mapping[str, object], before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, item in nested.items():
        path = (*before, str(key))
        if isinstance(item, Mapping):
            yield from _leaves(item, path)
        elif isinstance(item, (list, tuple)) and any(isinstance(element, Mapping) for element in item):
            yield from _leaves({str(place): element for place, element in enumerate(item, 1)}, path)
        elif isinstance(item, (list, tuple)):
            yield path, ", ".join(str(element) for element in item) or "none"
        elif isinstance(item, bool):
            yield path, "yes" if item else "no"
        elif isinstance(item, int) and abs(item) >= 10_000:
            yield path, count(item)
        else:
            yield path, "–" if item is None else str(item)
