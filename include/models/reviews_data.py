"""The reviews as a model server sees them: raw columns into the arrays of a model package, without ig_tasks."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import yaml

from include.models.flights_data import Arrays

LABEL = "recommended"
PADDING = 0
UNKNOWN = 1
"""The ids that are no token's own."""
FIRST = 2
ENDINGS = 200
LENGTHS = {"title": 12, "review": 96}
"""{text: tokens that are read}; one review of a hundred is longer"""


def read(root: Path, split: str) -> pd.DataFrame:
    """The reviews of a split, in the order of the file."""
    dataset = ds.dataset(root, format="parquet", partitioning="hive")
    frame: pd.DataFrame = dataset.to_table(filter=ds.field("split") == split).to_pandas()
    return frame


Tokens = Callable[[str], list[int]]
"""A text's ids, neither cut off nor filled up."""


def learn_tokenizer(texts: Iterable[str], tokens: int, file: Path) -> int:
    """Write a tokenizer.json of so many lower-cased word pieces; how many there are.

    They are the characters, the commonest endings and the commonest words. The library's own trainer is not used: it
    breaks ties by chance, and the weights would not repeat.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    special = ["[PAD]", "[UNK]"]
    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    split = [splitter.pre_tokenize_str(normalizer.normalize_str(text)) for text in texts]
    counts = Counter(word for one in split for word, _ in one)
    endings: Counter[str] = Counter()
    for word, count in counts.items():
        endings.update({f"##{word[-size:]}": count for size in (2, 3, 4) if len(word) > size + 2})
    characters = sorted({character for word in counts for character in word})
    pieces = dict.fromkeys([*special, *characters, *(f"##{character}" for character in characters)])
    pieces |= dict.fromkeys(_commonest(endings)[:ENDINGS])
    for word in _commonest(counts):
        if len(pieces) == tokens:
            break
        pieces[word] = None
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token=special[UNKNOWN]))
    made.normalizer, made.pre_tokenizer = normalizer, splitter
    made.save(str(file), pretty=False)
    file.chmod(0o644)
    return len(vocabulary)


def _commonest(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda one: (-counts[one], one))


def by_tokenizer(file: Path) -> Tokens:
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(file))
    return lambda text: list(made.encode(text).ids)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def learn_words(texts: Iterable[str], at_least: int) -> list[str]:
    """The words that stand so often in the texts, sorted."""
    counts = Counter(word for text in texts for word in words(text))
    return sorted(word for word, count in counts.items() if count >= at_least)


def by_words(vocabulary: Iterable[str]) -> Tokens:
    ids = {word: number for number, word in enumerate(vocabulary, FIRST)}
    return lambda text: [ids.get(word, UNKNOWN) for word in words(text)]


def padded(texts: Iterable[str], tokens: Tokens, length: int) -> np.ndarray:
    """int64 (rows, length): the first `length` tokens of each text, then padding."""
    lists = [tokens(text)[:length] for text in texts]
    ids = np.full((len(lists), length), PADDING, dtype=np.int64)
    for row, kept in zip(ids, lists, strict=True):
        row[: len(kept)] = kept
    return ids


def arrays(
    frame: pd.DataFrame,
    texts: Iterable[str],
    tokens: Tokens,
    categories: Mapping[str, list[str]],
    numbers: Iterable[str],
) -> Arrays:
    """{text: ids, text_mask: 1 where a token stands, category: ids with 0 as the unknown, "numbers": float32}."""
    result: Arrays = {}
    for name in texts:
        result[name] = padded(frame[name], tokens, LENGTHS[name])
        result[f"{name}_mask"] = (result[name] != PADDING).astype(np.int64)
    for name, known in categories.items():
        result[name] = pd.Index(known).get_indexer(pd.Index(frame[name])).astype(np.int64) + 1
    if columns := list(numbers):
        result["numbers"] = frame[columns].to_numpy(dtype=np.float32, copy=True)
    return result


def package_arrays(frame: pd.DataFrame, package: Path) -> Arrays:
    """`arrays` as the model.yaml of a package of the reviews asks for."""
    inputs: dict[str, Any] = yaml.safe_load((package / "model.yaml").read_text(encoding="utf-8"))["inputs"]
    vocabulary: dict[str, list[str]] = {}
    if (package / "vocabulary.json").is_file():
        vocabulary = json.loads((package / "vocabulary.json").read_text(encoding="utf-8"))
    texts = [name for name, one in inputs.items() if one.get("kind") == "tokens"]
    file = package / "tokenizer.json"
    tokens = by_tokenizer(file) if file.is_file() else by_words(vocabulary[texts[0]])
    categories = {name: known for name, known in vocabulary.items() if name not in texts}
    return arrays(frame, texts, tokens, categories, inputs.get("numbers", {}).get("columns", ()))
