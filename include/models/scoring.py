"""Logits of a model package, by the framework alone: what the model server would have logged."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from include.models.flights_data import Arrays, arrays, scorable

BATCH = 8192

Scorer = Callable[[Arrays], np.ndarray]


def scorer(package: Path) -> Scorer:
    """A function from a package's input arrays to its logits, (rows,)."""
    config = yaml.safe_load((package / "model.yaml").read_text(encoding="utf-8"))
    return _torch(package, config) if config["framework"] == "torch" else _keras(package, config)


def logits(package: Path, frame: pd.DataFrame) -> np.ndarray:
    """float64 (rows,): the logit of every flight of `frame`, NaN where a number is missing."""
    vocabulary = json.loads((package / "vocabulary.json").read_text(encoding="utf-8"))
    result = np.full(len(frame), np.nan)
    rows = scorable(frame)
    result[rows] = scorer(package)(arrays(frame[rows], vocabulary))
    return result


def _batched(score: Scorer) -> Scorer:
    def batched(inputs: Arrays) -> np.ndarray:
        rows = len(inputs["numeric"])
        parts = [
            score({name: array[at : at + BATCH] for name, array in inputs.items()}) for at in range(0, rows, BATCH)
        ]
        return np.concatenate([part.reshape(-1) for part in parts]) if parts else np.empty(0)

    return batched


def _torch(package: Path, config: dict[str, Any]) -> Scorer:
    import torch
    from safetensors.torch import load_file

    spec = spec_from_file_location(f"scoring_{package.name}", package / "model.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(package / "model.py")
    code = module_from_spec(spec)
    spec.loader.exec_module(code)
    model = code.build(**config["arguments"]).eval()
    model.load_state_dict(load_file(package / config["weights"]))

    def score(inputs: Arrays) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(model(**{name: torch.from_numpy(array) for name, array in inputs.items()}))

    return _batched(score)


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep what TensorFlow's libraries write to standard error as they load; it is shown when loading fails."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _keras(package: Path, config: dict[str, Any]) -> Scorer:
    with _hushed():
        import keras

        model = keras.saving.load_model(package / config["weights"], compile=False)
    return _batched(lambda inputs: np.asarray(model(inputs, training=False)))
