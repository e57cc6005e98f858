"""What is found for thousands of inputs without a look at all of them for each."""

from __future__ import annotations

import numpy as np
import pytest

from ig_tasks.attribution.feeds import NONE, Feed
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.starting import _inputs_of, _spans
from ig_tasks.attribution.tracing import Numbering


def test_the_inputs_of_a_feed_are_those_whose_places_it_holds() -> None:
    sizes = {"one": 1, "two": 2, "none": 0, "matrix": 6, "last": 1}
    shapes = {name: (3, 2, 3) if size == 6 else (3, size) for name, size in sizes.items()}
    endpoints = {name: np.zeros(shape, np.int64) for name, shape in shapes.items()}
    problem = Problem(endpoints, {}, {}, 3, np.zeros((1, 3), np.int64))
    spans = _spans(problem)
    assert spans == {"one": (0, 1), "two": (1, 3), "none": (3, 3), "matrix": (3, 9), "last": (9, 10)}
    blocks = Numbering.blocks(problem)
    assert {name: block.tolist() for name, block in blocks.items()} == {
        name: list(range(*span)) for name, span in spans.items()
    }
    for places, names in (
        ([0], ["one"]),
        ([2, 1], ["two"]),
        ([8, 3, NONE], ["matrix"]),
        ([9, 0, 2], ["one", "two", "last"]),
        ([NONE], []),
    ):
        feed = Feed("key", "layer", 0, np.array(places, dtype=np.intp), (len(places),), None)
        found = _inputs_of(feed, spans)
        assert found == names
        naive = [name for name, (first, last) in spans.items() if any(first <= place < last for place in places)]
        assert found == naive


def test_operands_of_a_join_are_looked_through_as_often_for_many_as_for_few(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from ig_tasks.attribution.backends.torch import affine

    looked: list[int] = []
    leaves = affine.leaves
    monkeypatch.setattr(affine, "leaves", lambda values: looked.append(1) or leaves(values))
    counts = []
    for many in (4, 64):
        shared = [affine.carrier(torch.ones(1, 2), torch.zeros(3, 2), 6, 3) for _ in range(many)]
        own = affine.carrier(torch.ones(3, 2), torch.zeros(3, 2), 6, 3)
        call = affine._Call("cat", torch.cat, ([*shared, own],), {"dim": 1}, 6, 3)
        looked.clear()
        assert call.run(call.base_of).shape == (3, 2 * many + 2)
        counts.append(len(looked))
    assert counts[0] == counts[1]
