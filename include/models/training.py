"""What both frameworks train on, in the same order: rows, batches, noise, learning rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from include.models.flights_data import LABEL, TEST, TRAIN, WIDTHS, Arrays, arrays, read, scorable, vocabularies

EPOCHS = 3
BATCH = 2048
RATE = 2e-3
SPREAD = 0.1
"""Standard deviation of the embeddings before training: that of a rare category should say little."""
UNKNOWN_SHARE = 0.03
"""Share of the categories of each row that training replaces by the unknown id, so that it means something."""


@dataclass(frozen=True)
class Recipe:
    """One model of the demo."""

    name: str
    framework: str
    hidden: tuple[int, ...]
    activation: str
    seed: int = 0


@dataclass(frozen=True)
class Flights:
    """Training and test rows, encoded; rows without weather are in neither."""

    vocabulary: dict[str, list[str]]
    train: Arrays
    train_label: np.ndarray
    test: Arrays
    test_label: np.ndarray

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """{categorical: (ids, width of the embedding)}"""
        return {name: (len(categories) + 1, WIDTHS[name]) for name, categories in self.vocabulary.items()}

    @property
    def mean(self) -> np.ndarray:
        return np.asarray(self.train["numeric"].mean(axis=0, dtype=np.float64), dtype=np.float32)

    @property
    def std(self) -> np.ndarray:
        return np.asarray(self.train["numeric"].std(axis=0, dtype=np.float64), dtype=np.float32)

    @classmethod
    def load(cls, root: Path) -> Flights:
        train, test = read(root, TRAIN), read(root, TEST)
        train, test = train[scorable(train)], test[scorable(test)]
        vocabulary = vocabularies(train)
        labels = [frame[LABEL].to_numpy(dtype=np.float32) for frame in (train, test)]
        return cls(vocabulary, arrays(train, vocabulary), labels[0], arrays(test, vocabulary), labels[1])

    @property
    def steps(self) -> int:
        return EPOCHS * (len(self.train_label) // BATCH)

    def batches(self, seed: int) -> Iterator[tuple[Arrays, np.ndarray]]:
        """Every batch of the whole training, shuffled anew each epoch, categories partly made unknown."""
        random = np.random.default_rng(seed)
        rows = len(self.train_label)
        for _ in range(EPOCHS):
            order = random.permutation(rows)[: rows - rows % BATCH]
            epoch = {name: array[order] for name, array in self.train.items()}
            for name in self.vocabulary:
                epoch[name][random.random(len(order), dtype=np.float32) < UNKNOWN_SHARE] = 0
            label = self.train_label[order]
            for at in range(0, len(order), BATCH):
                part = slice(at, at + BATCH)
                yield {name: array[part] for name, array in epoch.items()}, label[part]

    def rate(self, step: int) -> float:
        """Cosine decay of the learning rate to zero."""
        return float(RATE * 0.5 * (1 + np.cos(np.pi * step / self.steps)))
