"""Train the model of the handwritten digits (Keras, channels last) and write its package.

    python include/models/train_digits.py

Ten outputs, each the log-odds that the image shows that digit (one sigmoid a digit, so that each output means something
by itself; blank paper is none of them). Trained on the split `train`, tested on `test`; one thread.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.dataset as ds

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from include.datasets.digits import LARGEST, SIDE  # noqa: E402
from include.models.train_flights import replace, write_config  # noqa: E402

MODELS = ROOT / "include" / "models"
NAME = "digits_image"
EPOCHS = 30
BATCH = 64
RATE = 3e-3
DIGITS = 10
BLANK_SHARE = 0.05
"""Blank images among those that it learns from: no digit. Blank is the baseline, and has to be something it knows."""
CELLS = 4
"""The image is explained in so many cells a side: an attribution for each of 2 x 2 pixels."""


def read(root: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """(images, 8, 8, 1) float32 from 0 to 1, and the digits (images,)."""
    dataset = ds.dataset(root, format="parquet", partitioning="hive")
    frame: pd.DataFrame = dataset.to_table(["image", "digit"], filter=ds.field("split") == split).to_pandas()
    pixels = np.stack(frame["image"].to_list()).astype(np.float32) / LARGEST
    return pixels.reshape(-1, SIDE, SIDE, 1), frame["digit"].to_numpy(dtype=np.int64)


def build() -> Any:
    """A functional model of {"image": (rows, 8, 8, 1)}, with ten log-odds, (rows, 10)."""
    import keras

    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 1), name="image")
    x = layers.Conv2D(16, 3, padding="same", activation="silu", name="near")(image)
    x = layers.Conv2D(24, 3, padding="same", activation="silu", name="wider")(x)
    x = layers.AveragePooling2D(2, name="pool")(x)
    x = layers.Dropout(0.3, name="dropout", seed=0)(layers.Flatten(name="flat")(x))
    x = layers.Dense(32, activation="silu", name="hidden")(x)
    return keras.Model({"image": image}, layers.Dense(DIGITS, name="digits")(x), name="digits")


def train(data: Path, to: Path) -> float:
    """Train, write the package to `to` in one move, return the share of test images that are read right."""
    import keras
    import tensorflow as tf

    started = time.monotonic()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    keras.utils.set_random_seed(0)
    (images, digits), (test_images, test_digits) = read(data, "train"), read(data, "test")
    blank = int(BLANK_SHARE * len(digits))
    learnt = np.concatenate([images, np.zeros((blank, *images.shape[1:]), np.float32)])
    label = np.concatenate([np.eye(DIGITS, dtype=np.float32)[digits], np.zeros((blank, DIGITS), np.float32)])
    model = build()
    steps = EPOCHS * -(-len(learnt) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    model.compile(keras.optimizers.Adam(rate), keras.losses.BinaryCrossentropy(from_logits=True))
    history = model.fit({"image": learnt}, label, BATCH, EPOCHS, verbose=0, shuffle=True)
    logits = np.asarray(model({"image": test_images}, training=False))
    right = float((logits.argmax(axis=1) == test_digits).mean())
    fresh = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        # Without the optimizer, the file holds what is needed to predict and nothing else.
        keras.Model(model.input, model.output, name=model.name).save(fresh / "model.keras")
        write_config(fresh, config(len(digits), len(test_digits), right))
        replace(fresh, to)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    size = sum(file.stat().st_size for file in to.iterdir() if file.is_file())
    print(f"{NAME}: loss {history.history['loss'][-1]:.4f}, {right:.1%} of {len(test_digits)} test images right;"
          f" {size / 1e3:,.0f} kB, {time.monotonic() - started:.0f} s")  # fmt: skip
    return right


def config(rows: int, test_rows: int, right: float) -> dict[str, Any]:
    """The content of model.yaml."""
    return {
        "version": 1,
        "framework": "tensorflow",
        "weights": "model.keras",
        "inputs": {
            "image": {
                "kind": "image",
                "columns": ["image"],
                "shape": [SIDE, SIDE, 1],
                "scale": 1 / LARGEST,
                "grid": [CELLS, CELLS],
                "channels": "last",
            }
        },
        "targets": {
            f"digit_{digit}": {"output": digit, "space": "logit", "activation": "sigmoid"} for digit in range(DIGITS)
        },
        "card": {
            "name": "Handwritten digits",
            "version": "1.0",
            "owner": "post-analytics",
            "intended_use": "Which digit an image of 8 x 8 pixels shows. A demonstration.",
            "trained_on": f"Optical Recognition of Handwritten Digits (UCI), as scikit-learn ships it: {rows:,} images",
            "test": {"accuracy": round(right, 4), "rows": test_rows},
            "training": {"epochs": EPOCHS, "seed": 0},
            "notes": [
                "Each output is the log-odds of one digit against all others; the greatest is the digit that is read.",
                "Blank paper, one image in twenty of its training, is no digit.",
                "The 13 people who wrote the test images wrote the training images too: of another hand it reads less.",
            ],
        },
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Train the model of the handwritten digits")
    parser.add_argument("--data", type=Path, default=Path(".data/digits"), help="the dataset (%(default)s)")
    data: Path = parser.parse_args(arguments).data
    if not data.is_dir():
        parser.error(f"--data: there is no dataset '{data}'; run python include/datasets/digits.py first")
    train(data, MODELS / NAME)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
