"""Text into token ids: by a tokenizer of the `tokenizers` library, or by a vocabulary of words."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ig_tasks.data.bags import lists_of, placed
from ig_tasks.data.inputs import InputSpec
from ig_tasks.data.list_columns import cells_of, is_missing
from ig_tasks.data.outside import Outside
from ig_tasks.data.reasons import mark
from ig_tasks.errors import DataError

__all__ = ["encode_tokens", "tokens_of", "words_of"]

_WORD = re.compile(r"\w+")

# Keras works on bytes: what it takes for capitals, punctuation and blanks is ASCII.
_PUNCTUATION = re.compile(r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']""")
_BLANKS = re.compile(r"[ \t\n\v\f\r]+")
_LOWER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def encode_tokens(
    column: pd.Series, name: str, spec: InputSpec, reasons: np.ndarray, noted: Outside
) -> tuple[np.ndarray, np.ndarray]:
    """(rows, length) ids, and where they stand for a token, (rows, length) bool; longer texts are cut off.

    A row is left out when its text is missing or holds no word.

    Raises:
        DataError: for a column that does not hold text, or a tokenizer that cannot be read or pads otherwise.
    """
    cells = cells_of(column)
    missing = np.array([is_missing(cell) for cell in cells], dtype=bool)
    present = cells[~missing]
    if not all(isinstance(cell, str) for cell in present):
        shown = next(cell for cell in present if not isinstance(cell, str))
        raise DataError(
            f"column '{column.name}' holds {type(shown).__name__} values (such as {shown!r}), and the model's input"
            f" '{name}' needs text"
        )
    mark(reasons, missing, f"missing value in {column.name}")
    texts = ["" if gone else str(cell) for cell, gone in zip(cells, missing, strict=True)]
    if spec.tokenizer:
        ids, is_token = _by_tokenizer(texts, name, spec, noted)
    else:
        ids, is_token = _by_words(texts, column, spec, reasons, noted)
    mark(reasons, np.asarray(~is_token.any(axis=1)), f"no words in {column.name}")
    return ids, is_token


def tokens_of(
    arrays: Mapping[str, np.ndarray], token_masks: Mapping[str, np.ndarray], inputs: Mapping[str, InputSpec]
) -> dict[str, np.ndarray]:
    """{input: (rows, length) words} of every input of padded ids, as `words_of` gives them."""
    return {name: words_of(arrays[name], is_token, inputs[name]) for name, is_token in token_masks.items()}


def words_of(ids: np.ndarray, is_token: np.ndarray, spec: InputSpec) -> np.ndarray:
    """What each id (rows, length) stands for, as text; None where `is_token` says that there is padding."""
    names, codes = np.unique(ids, return_inverse=True)
    if spec.tokenizer:
        tokenizer, _ = _tokenizer("", spec)
        texts = np.array([tokenizer.id_to_token(int(token_id)) or str(token_id) for token_id in names], dtype=object)
    else:
        texts = spec.categories(names)
    words = np.full(ids.shape, None, dtype=object)
    words[is_token] = texts[codes.reshape(ids.shape)[is_token]]
    return words


def _by_words(
    texts: Sequence[str], column: pd.Series, spec: InputSpec, reasons: np.ndarray, noted: Outside
) -> tuple[np.ndarray, np.ndarray]:
    length = spec.length or 1
    # What is cut off is not looked at, as the model does not see it.
    lists = [_split_words(text, spec)[:length] for text in texts]
    ids, counts, rows = lists_of(list(lists), column, spec, reasons, noted)
    return placed(ids, counts, rows, length, spec)


def _split_words(text: str, spec: InputSpec) -> list[str]:
    if spec.standardize is None:
        return _WORD.findall(text.lower())
    if spec.standardize in ("lower", "lower_and_strip_punctuation"):
        text = text.translate(_LOWER)
    if spec.standardize in ("strip_punctuation", "lower_and_strip_punctuation"):
        text = _PUNCTUATION.sub("", text)
    return [word for word in _BLANKS.split(text) if word]


def _by_tokenizer(texts: Sequence[str], name: str, spec: InputSpec, noted: Outside) -> tuple[np.ndarray, np.ndarray]:
    tokenizer, unknown_id = _tokenizer(name, spec)
    encodings = tokenizer.encode_batch(list(texts))
    shape = (len(texts), spec.length or 1)
    ids = np.array([encoding.ids for encoding in encodings], dtype=spec.dtype).reshape(shape)
    is_token = np.array([encoding.attention_mask for encoding in encodings], dtype=bool).reshape(shape)
    unknown = is_token & (ids == unknown_id)
    rows, places = np.nonzero(unknown)
    spans = [encodings[row].offsets[place] for row, place in zip(rows.tolist(), places.tolist(), strict=True)]
    words = [texts[row][start:stop] for row, (start, stop) in zip(rows.tolist(), spans, strict=True)]
    names = sorted(set(words))
    at = {word: place for place, word in enumerate(names)}
    codes = np.array([at[word] for word in words], dtype=np.int64)
    noted.take(Outside(is_token.sum(axis=1), rows.astype(np.int64), codes, names))
    return ids, is_token


def _unknown_id(tokenizer: Any) -> int:
    """The id that a tokenizer gives to what it does not know; -1 where it knows every text."""
    model = json.loads(tokenizer.to_str())["model"]
    if isinstance(model.get("unk_id"), int):
        return int(model["unk_id"])
    token_id = tokenizer.token_to_id(str(model.get("unk_token")))
    return -1 if token_id is None else int(token_id)


def _tokenizer(name: str, spec: InputSpec) -> tuple[Any, int]:
    """The tokenizer, and its unknown id."""
    file = str(spec.tokenizer)
    try:
        changed = Path(file).stat().st_mtime_ns
    except OSError as error:
        raise DataError(f"inputs.{name}.tokenizer: '{file}' cannot be read ({error.strerror})") from None
    return _read(file, changed, name, spec.length or 1, spec.padding)


@lru_cache(maxsize=8)
def _read(file: str, _changed: int, name: str, length: int, padding: int) -> tuple[Any, int]:
    """The tokenizer, which cuts off and fills up to `length`; a file that was replaced is another one."""
    # Threads of its own would fight with the worker's for the processor.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        tokenizers = import_module("tokenizers")
    except ImportError:
        raise DataError(
            f"inputs.{name}.tokenizer: it needs the package tokenizers; pip install 'ig-tasks[text]'"
        ) from None
    try:
        tokenizer = tokenizers.Tokenizer.from_file(file)
    except Exception as error:  # noqa: BLE001 - the library raises Exception itself
        text = " ".join(str(error).split())[:200]
        raise DataError(f"inputs.{name}.tokenizer: '{file}' is not a tokenizer.json ({text})") from None
    own, cut = tokenizer.padding or {}, tokenizer.truncation or {}
    if own and own["pad_id"] != padding:
        raise DataError(
            f"inputs.{name}.padding: it is {padding}, and the tokenizer pads with id {own['pad_id']}; set"
            f" `padding: {own['pad_id']}` in model.yaml"
        )
    tokenizer.enable_truncation(length, **({"direction": cut["direction"]} if cut else {}))
    tokenizer.enable_padding(pad_id=padding, length=length, **({"direction": own["direction"]} if own else {}))
    return tokenizer, _unknown_id(tokenizer)
