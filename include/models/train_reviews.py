"""Train the two models of the reviews and write their packages.

    python include/models/train_reviews.py

`reviews_text` reads title and review; `reviews_multimodal` reads the review, two categories and two numbers. Trained
on the split `train`, tested on `test`; one thread, so that the machine's cores do not matter to the weights.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from include.models.flights_data import Arrays, area_under_curve  # noqa: E402
from include.models.reviews_data import (  # noqa: E402
    FIRST,
    LABEL,
    LENGTHS,
    PADDING,
    UNKNOWN,
    learn_tokenizer,
    learn_words,
    package_arrays,
    read,
)
from include.models.train_flights import replace, write_config  # noqa: E402

MODELS = ROOT / "include" / "models"
TOKENS = 4000
"""Word pieces of the tokenizer."""
WORD_AT_LEAST = 5
"""How often a word has to stand in the training split to be in the vocabulary."""
WIDTH = 24
CHANNELS = {"title": 16, "review": 32}
WIDTHS = {"department": 3, "garment": 5}
EPOCHS = 6
BATCH = 128
RATE = 3e-3
UNKNOWN_SHARE = 0.02
"""Share of tokens and categories that training replaces by the unknown id, so that it means something."""
AT_LEAST = 20
"""Rows that a category needs to have an id of its own."""


@dataclass(frozen=True)
class Recipe:
    """One package: what it reads. `words`: by a vocabulary of words, and not by a tokenizer."""

    name: str
    title: str
    texts: tuple[str, ...]
    categories: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    words: bool = False


TEXT = Recipe("reviews_text", "Recommended, by title and review", ("title", "review"))
MULTIMODAL = Recipe(
    "reviews_multimodal",
    "Recommended, by review, garment and customer",
    ("review",),
    ("department", "garment"),
    ("age", "helpful_votes"),
    words=True,
)
INTENDED_USE = (
    "Whether a customer recommends a garment, from what they wrote. A demonstration; not for decisions about customers"
    " or goods."
)
UNSEEN_GARMENTS = "The same garment may stand in both splits: the figures are of new reviews, not of new garments."
NOTES = {
    "reviews_text": (
        "The tokenizer's pieces come from the training split; what it does not know is the unknown token, which \
training also gave to 2 % of all tokens at random. A review without a title has the title 'untitled'.",
        UNSEEN_GARMENTS,
    ),
    "reviews_multimodal": (
        "The words are those that stand five times or more in the training split; all others share the unknown id, \
which training also gave to 2 % of all words and categories at random.",
        UNSEEN_GARMENTS,
        "Helpful votes are given after a review was published: with them the model looks back and does not foresee.",
    ),
}


def train(recipe: Recipe, frames: tuple[pd.DataFrame, pd.DataFrame], to: Path) -> float:
    """Train one model, write its package to `to` in one move, return its test AUC."""
    started = time.monotonic()
    train_frame, test_frame = frames
    fresh = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        texts = [text for name in recipe.texts for text in train_frame[name]]
        vocabulary: dict[str, list[str]] = {}
        if recipe.words:
            vocabulary = {name: learn_words(train_frame[name], WORD_AT_LEAST) for name in recipe.texts}
            tokens = FIRST + len(vocabulary[recipe.texts[0]])
        else:
            tokens = learn_tokenizer(texts, TOKENS, fresh / "tokenizer.json")
        for name in recipe.categories:
            counts = train_frame[name].value_counts()
            vocabulary[name] = sorted(counts.index[counts >= AT_LEAST])
        if vocabulary:
            text = json.dumps(vocabulary, indent=0, ensure_ascii=False)
            (fresh / "vocabulary.json").write_text(text + "\n", encoding="utf-8")
        arguments = {
            "texts": {name: [tokens, WIDTH, CHANNELS[name]] for name in recipe.texts},
            "categories": {name: [len(vocabulary[name]) + 1, WIDTHS[name]] for name in recipe.categories},
            "numbers": len(recipe.numbers),
        }
        config: dict[str, Any] = {
            "version": 1,
            "framework": "torch",
            "factory": "model:build",
            "arguments": arguments,
            "weights": "weights.safetensors",
            "inputs": inputs(recipe),
            "targets": {"recommended": {"output": 0, "space": "logit"}},
        }
        write_config(fresh, config)
        encoded = [package_arrays(frame, fresh) for frame in frames]
        labels = [frame[LABEL].to_numpy(dtype=np.float32) for frame in frames]
        score = fit(recipe, arguments, encoded, labels, fresh)
        auc = area_under_curve(labels[1], score)
        right = float(((score > 0) == (labels[1] > 0)).mean())
        config["card"] = {
            "name": recipe.title,
            "version": "1.0",
            "owner": "shop-analytics",
            "intended_use": INTENDED_USE,
            "trained_on": f"Women's E-Commerce Clothing Reviews (CC0): {len(train_frame):,} reviews",
            "test": {
                "auc": round(auc, 4),
                "accuracy": round(right, 4),
                "accuracy_of_always_yes": round(float(labels[1].mean()), 4),
                "rows": len(test_frame),
            },
            "training": {"epochs": EPOCHS, "seed": 0},
            "notes": list(NOTES[recipe.name]),
        }
        write_config(fresh, config)
        replace(fresh, to)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    size = sum(file.stat().st_size for file in to.iterdir() if file.is_file())
    print(f"{recipe.name}: test AUC {auc:.4f}, {right:.1%} right of {len(labels[1]):,}; {size / 1e3:,.0f} kB,"
          f" {time.monotonic() - started:.0f} s")  # fmt: skip
    return auc


def fit(
    recipe: Recipe, arguments: dict[str, Any], encoded: list[Arrays], labels: list[np.ndarray], to: Path
) -> np.ndarray:
    """Train, write weights and code to `to`; the logits of the test rows."""
    import torch
    from safetensors.torch import save_file

    from include.models import architecture_reviews

    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = architecture_reviews.build(**arguments)
    if recipe.numbers:
        numbers = encoded[0]["numbers"].astype(np.float64)
        model.mean.copy_(torch.from_numpy(numbers.mean(axis=0)))
        model.std.copy_(torch.from_numpy(numbers.std(axis=0)))
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    loss_of = torch.nn.BCEWithLogitsLoss()
    steps = EPOCHS * (len(labels[0]) // BATCH)
    seen: list[float] = []
    for step, (inputs, label) in enumerate(batches(recipe, encoded[0], labels[0])):
        optimizer.param_groups[0]["lr"] = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        loss = loss_of(model(**{name: torch.from_numpy(array) for name, array in inputs.items()})[:, 0],
                       torch.from_numpy(label))  # fmt: skip
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
        if (step + 1) % (steps // EPOCHS) == 0:
            print(f"{recipe.name}: {(step + 1) / steps:.0%}, loss {np.mean(seen[-100:]):.4f}", flush=True)
    model.eval()
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, to / "weights.safetensors")
    (to / "weights.safetensors").chmod(0o644)
    shutil.copyfile(architecture_reviews.__file__, to / "model.py")
    with torch.inference_mode():
        logits = [
            model(**{name: torch.from_numpy(array[at : at + 1024]) for name, array in encoded[1].items()})[:, 0]
            for at in range(0, len(labels[1]), 1024)
        ]
    return np.asarray(torch.cat(logits))


def batches(recipe: Recipe, inputs: Arrays, label: np.ndarray) -> Iterator[tuple[Arrays, np.ndarray]]:
    """Every batch of the whole training, shuffled anew each epoch, tokens and categories partly made unknown."""
    random = np.random.default_rng(0)
    for _ in range(EPOCHS):
        order = random.permutation(len(label))[: len(label) - len(label) % BATCH]
        epoch = {name: array[order] for name, array in inputs.items()}
        for name in recipe.texts:
            epoch[name][
                (random.random(epoch[name].shape, dtype=np.float32) < UNKNOWN_SHARE) & (epoch[name] != PADDING)
            ] = UNKNOWN
        for name in recipe.categories:
            epoch[name][random.random(len(order), dtype=np.float32) < UNKNOWN_SHARE] = 0
        for at in range(0, len(order), BATCH):
            part = slice(at, at + BATCH)
            yield {name: array[part] for name, array in epoch.items()}, label[order[part]]


def inputs(recipe: Recipe) -> dict[str, Any]:
    """`inputs` of model.yaml."""
    found: dict[str, Any] = {}
    for name in recipe.texts:
        found[name] = {
            "kind": "tokens",
            "columns": [name],
            **(
                {"vocabulary": "vocabulary.json", "offset": FIRST, "unknown": UNKNOWN}
                if recipe.words
                else {"tokenizer": "tokenizer.json"}
            ),
            "length": LENGTHS[name],
            "padding": PADDING,
            "layer": f"text_{name}.embed",
        }
        found[f"{name}_mask"] = {"kind": "mask", "of": name, "dtype": "int64"}
    for name in recipe.categories:
        found[name] = {
            "columns": [name],
            "vocabulary": "vocabulary.json",
            "offset": 1,
            "unknown": 0,
            "layer": f"embed_{name}",
        }
    if recipe.numbers:
        found["numbers"] = {"columns": list(recipe.numbers)}
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Train the models of the reviews")
    parser.add_argument("--data", type=Path, default=Path(".data/reviews"), help="the dataset (%(default)s)")
    given = parser.parse_args(arguments)
    if not given.data.is_dir():
        parser.error(f"--data: there is no dataset '{given.data}'; run python include/datasets/reviews.py first")
    frames = (read(given.data, "train"), read(given.data, "test"))
    for recipe in (TEXT, MULTIMODAL):
        train(recipe, frames, MODELS / recipe.name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
