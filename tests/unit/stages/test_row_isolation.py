"""Rows with which a call raises are found by halving; the rest is computed in one call."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ig_tasks.errors import InputError, ModelError
from ig_tasks.stages.row_isolation import isolate_rows, most_isolated, own_words


class Model:
    """Doubles its rows, and raises if one of `bad` is among them; counts its calls."""

    def __init__(self, *bad: int, error: type[Exception] = ValueError) -> None:
        self.bad, self.error, self.calls, self.rows = set(bad), error, 0, 0

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        self.calls += 1
        self.rows += len(rows)
        for row in rows:
            if int(row) in self.bad:
                raise self.error(f"row {row}\n  is bad")
        return 2 * rows


@pytest.mark.parametrize("bad", [(), (0,), (999,), (17, 18), (0, 499, 500, 999), tuple(range(40, 56))])
def test_the_rows_that_raise_are_named_and_the_rest_is_one_call(bad: tuple[int, ...]) -> None:
    model = Model(*bad)
    result, refused = isolate_rows(model, 1000, where="m")
    assert refused == {row: f"the model raises ValueError: row {row} is bad" for row in bad}
    assert result is not None
    assert result.tolist() == [2 * row for row in range(1000) if row not in bad]
    # One row costs about the whole twice to be found, and once more without it.
    assert model.calls <= 2 + len(bad) * (2 * math.ceil(math.log2(1000)) + 1)
    assert len(bad) != 1 or model.rows <= 4 * 1000 + 10


def test_nothing_is_called_twice_where_nothing_raises() -> None:
    model = Model()
    isolate_rows(model, 1000, probe=model, where="m")
    assert model.calls == 1


def test_a_cheap_probe_finds_what_the_call_confirms() -> None:
    model, probe = Model(3), Model(3, 900)
    result, refused = isolate_rows(model, 1000, probe=probe, where="m")
    assert list(refused) == [3]  # with 900 the call itself does not raise
    assert result is not None
    assert len(result) == 999
    assert model.calls == 4  # all, the two rows that the probe named, the rest


def test_what_a_probe_misses_the_call_finds() -> None:
    result, refused = isolate_rows(Model(3, 700), 1000, probe=Model(3), where="m")
    assert sorted(refused) == [3, 700]
    assert result is not None
    assert len(result) == 998


def test_a_model_that_raises_with_everything_fails_after_few_calls() -> None:
    model = Model(*range(1000))
    with pytest.raises(ModelError, match=r"^m raises with more than 50 of 1,000 rows: ValueError: row 0 is bad$"):
        isolate_rows(model, 1000, where="m")
    assert model.calls <= 2 * 64


def test_a_few_rows_may_all_be_refused() -> None:
    assert isolate_rows(Model(0, 1, 2), 3, where="m")[0] is None
    assert [most_isolated(rows) for rows in (1, 8, 16, 100, 1_000, 16_384)] == [4, 4, 8, 16, 50, 819]


def test_what_is_not_about_a_row_is_raised_at_once() -> None:
    for error in (InputError, MemoryError, OSError):
        model = Model(5, error=error)
        with pytest.raises(error):
            isolate_rows(model, 100, where="m")
        assert model.calls == 1


def test_what_passes_by_itself_costs_no_row() -> None:
    model = Model(7)

    def once(rows: np.ndarray) -> np.ndarray:
        found = model(rows) if model.calls == 0 else 2 * rows
        return np.asarray(found)

    result, refused = isolate_rows(once, 100, where="m")
    assert refused == {}
    assert result is not None
    assert len(result) == 100


def test_what_is_raised_with_all_rows_alone_is_raised() -> None:
    def too_many(rows: np.ndarray) -> np.ndarray:
        if len(rows) > 60:
            raise RuntimeError("more than 60 rows")
        return rows

    with pytest.raises(RuntimeError, match="more than 60 rows"):
        isolate_rows(too_many, 100, where="m")


def test_the_models_own_words_are_one_short_line() -> None:
    keras = "Exception encountered when calling Tiny.call().\n\n\x1b[1mno such\ndistance\x1b[0m\n\nArguments: x"
    assert own_words(ValueError(keras)) == "ValueError: no such distance"
    assert own_words(KeyError()) == "KeyError"
    assert len(own_words(ValueError("x" * 1000))) == 160
