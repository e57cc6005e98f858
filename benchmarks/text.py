"""MiniLM through its embeddings: ours against Captum at the steps that bring as many rows within the tolerance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch  # noqa: TID253 - imported when a torch contest runs

import ig_tasks
from benchmarks.accuracy import l1_errors
from benchmarks.captum_runs import DEFAULT, CaptumRuns
from benchmarks.contest import OURS, Attributed, Contest, Contestant, Options, Refused, log
from benchmarks.images import fastest
from benchmarks.minilm import LAYER, minilm
from benchmarks.results import Accuracy

__all__ = ["KEPT_REFERENCE", "NODES", "Text", "made"]

NODES = 512
KEPT_REFERENCE = Path(__file__).with_name("minilm_reference.npz")
"""Attributions of all sentences, made by `python -m benchmarks.minilm_reference`: two thirds of the time that a whole
benchmark of MiniLM would take otherwise."""
SAME = 1e-4
"""Greatest relative L1 difference between a sentence's attributions made on two machines."""
LADDER = (12, 16, 20, 24, 32, 40, 50, 64, 80, 100)
"""Steps that Captum is tried with."""
BATCHES = ("points=8", "points=16", "points=64")
TOKEN_BYTES = 240_000
"""Activations of one token that a backward pass keeps, about: what bounds the rows that Captum is given at a time."""


class Text(Contest):
    """The predicted class of 32 sentences, from as many padding tokens."""

    memory_rows = 8

    def __init__(self, name: str, title: str, tolerance: float, options: Options) -> None:
        self.name, self.title, self.tolerance = name, title, tolerance
        self.rows, self.nodes = (4, 64) if options.quick else (32, NODES)
        self.model, ids, mask = minilm()
        self.ids, self.mask = ids[: self.rows], mask[: self.rows]
        self.rows = len(self.ids)
        with torch.no_grad():
            self.targets = self.model(self.ids, self.mask).argmax(dim=1)

    @cached_property
    def captum(self) -> CaptumRuns:
        """As it comes: rows as they are, padding and all."""
        return self._captum(cut=False)

    @cached_property
    def unpadded(self) -> CaptumRuns:
        """For the best of it: rows cut to the longest that it is given at a time, as its users can do by hand."""
        return self._captum(cut=True)

    def _captum(self, *, cut: bool) -> CaptumRuns:
        try:
            from captum.attr import LayerIntegratedGradients
        except ImportError as error:
            raise Refused(f"Captum is not installed ({error})") from error
        method = LayerIntegratedGradients(self.model, self.model.get_submodule(LAYER))

        def attribute(rows: slice, steps: int, internal: int | None) -> Any:
            length = int(self.mask[rows].sum(dim=1).max()) if cut else self.ids.shape[1]
            ids = self.ids[rows, :length]
            found = method.attribute(
                ids,
                torch.zeros_like(ids),
                target=self.targets[rows],
                additional_forward_args=(self.mask[rows, :length],),
                n_steps=steps,
                internal_batch_size=internal,
            ).sum(dim=2)
            return torch.nn.functional.pad(found, (0, self.ids.shape[1] - length))

        return CaptumRuns(self.rows, TOKEN_BYTES * self.ids.shape[1], attribute)

    def entrants(self) -> list[str]:
        return [OURS, DEFAULT]

    def more(self, found: Mapping[str, Accuracy]) -> list[str]:
        """Captum with the fewest steps of the ladder that bring as many rows within the tolerance as ours has."""
        try:
            explain = self.unpadded.contestant
        except Refused:
            return []  # which its default has said
        reference, _ = self.reference()
        ours = found[OURS].over_1_percent if self.tolerance == 0.01 else found[OURS].over_5_percent
        for steps in LADDER:
            if steps not in _SEEN:
                _SEEN[steps] = l1_errors(explain(f"captum/{steps}/points=16").explain(self.rows).values, reference)
            over = float((_SEEN[steps] > self.tolerance).mean())
            log(f"  Captum with {steps} steps: {over:.0%} of the rows over {self.tolerance:.0%}; ours {ours:.0%}")
            if over <= ours:
                self.notes = [
                    f"Captum needs {steps} steps to bring as many rows within {self.tolerance:.0%} as ours.",
                    "At its best it is given sentences without their padding, which ours leaves out by itself.",
                ]
                return [self.unpadded.best(BATCHES, min(self.rows, 8), steps)]
        self.notes = [f"Captum needs more than {LADDER[-1]} steps to bring as many rows within the tolerance as ours."]
        return []

    def contestant(self, key: str) -> Contestant:
        if not key.startswith("captum/"):
            return self._ours()
        return (self.captum if key == DEFAULT else self.unpadded).contestant(key)

    def _ours(self) -> Contestant:
        ids, mask, targets = self.ids.numpy(), self.mask.numpy(), self.targets.numpy()

        def explain(rows: int) -> Attributed:
            found = ig_tasks.explain(
                self.model,
                {"input_ids": ids[:rows]},
                baseline={"input_ids": np.zeros_like(ids[0])},
                fixed={"attention_mask": mask[:rows]},
                layers={"input_ids": LAYER},
                target=targets[:rows],
                tolerance=self.tolerance,
            )
            return Attributed.of(found)

        return Contestant(OURS, OURS, f"tolerance={self.tolerance:g}", self.rows, explain)

    def reference(self) -> tuple[npt.NDArray[np.float64], str]:
        return _reference(self.rows, self.nodes), f"{self.nodes} Gauss-Legendre nodes, {self.rows} rows"

    def products(self) -> float:
        length, config = self.ids.shape[1], self.model.bert.config
        return fastest(lambda rows: _products(rows, length, config), (2, 8, 32))


@cache
def _reference(rows: int, nodes: int) -> npt.NDArray[np.float64]:
    """Attributions (rows, length): those that are kept, where making two sentences anew gives the same; else made."""
    if nodes == NODES and KEPT_REFERENCE.exists():
        kept = np.load(KEPT_REFERENCE)["attributions"].astype(np.float64)
        again = [0, rows - 1]
        if kept.shape == tuple(minilm()[1].shape) and l1_errors(made(again, nodes), kept[again]).max() < SAME:
            return np.asarray(kept[:rows])
        log(f"  the reference in '{KEPT_REFERENCE.name}' is of another model; it is made anew")
    return made(range(rows), nodes)


def made(rows: Sequence[int], nodes: int) -> npt.NDArray[np.float64]:
    """Attributions of some sentences (sentences, length), through the model's own way in for embedding vectors.

    One at a time and without its padding, which is masked and has no way to go.
    """
    model, ids, mask = minilm()
    table = model.get_submodule(LAYER)
    places, weights = (torch.from_numpy(array) for array in np.polynomial.legendre.leggauss(nodes))
    places, weights = (places + 1.0) / 2.0, weights / 2.0
    found = np.zeros((len(rows), ids.shape[1]))
    for place, row in enumerate(rows):
        length = int(mask[row].sum())
        tokens, kept = ids[row, :length], mask[row : row + 1, :length]
        with torch.no_grad():
            target = int(model(tokens[None], kept).argmax())
            end, start = table(tokens), table(torch.zeros_like(tokens))
        total = torch.zeros(end.shape, dtype=torch.float64)
        for share, weight in zip(places.split(64), weights.split(64), strict=True):
            points = (start + share.float()[:, None, None] * (end - start)).requires_grad_()
            masks = kept.expand(len(share), -1)
            logits = model.classify(model.bert(inputs_embeds=points, attention_mask=masks), masks)
            (gradients,) = torch.autograd.grad(logits[:, target].sum(), points)
            total += torch.einsum("k,klw->lw", weight, gradients.double())
        found[place, :length] = ((end - start).double() * total).sum(dim=1).numpy()
    return found


_SEEN: dict[int, npt.NDArray[np.float64]] = {}
"""{steps: Captum's error of each row}, kept for the next tolerance."""


def _products(rows: int, length: int, config: Any) -> Callable[[], Any]:
    """The matrix products of one forward and one input-gradient pass of all layers, without what lies between."""
    width, inner, heads = config.hidden_size, config.intermediate_size, config.num_attention_heads
    x, wide = torch.randn(rows * length, width), torch.randn(rows * length, inner)
    square, up = torch.randn(width, width), torch.randn(inner, width)
    query, scores = (torch.randn(rows * heads, length, last) for last in (width // heads, length))

    def multiply() -> None:
        for _ in range(config.num_hidden_layers):
            for _ in range(4):  # query, key, value, output
                torch.mm(x, square.T)
                torch.mm(x, square)
            torch.mm(x, up.T)
            torch.mm(wide, up)
            torch.mm(wide, up)
            torch.mm(x, up.T)
            for _ in range(3):  # scores, and the gradients of the values and of the scores' two factors
                torch.bmm(query, query.transpose(1, 2))
                torch.bmm(scores, query)

    return multiply
