"""Quantiles are right, of the right sign, the same for any division of the rows, and survive being written down."""

import base64
import itertools

import numpy as np
import pytest

from ig_tasks.errors import RunError
from ig_tasks.statistics import FeatureStatistics
from ig_tasks.statistics.sketches import QuantileSketch

SHAPES = {
    "normal": lambda rng: rng.standard_normal(50_000),
    "cauchy": lambda rng: rng.standard_cauchy(50_000),
    "lognormal": lambda rng: np.exp(2 * rng.standard_normal(50_000)),
    "shifted": lambda rng: 1e9 + rng.standard_normal(50_000),
    "tiny and both signs": lambda rng: rng.standard_normal(50_000) * 10.0 ** rng.integers(-12, 3, 50_000),
}
Q = np.array([0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99])
DIGEST = bytes.fromhex(  # what datasketches 5.2 wrote of 1, 2, 2, 5 with k = 100
    "02011464000400000400000000000000000000000000f03f0000000000001440000000000000f03f01000000000000000000"
    "00000000004001000000000000000000000000000040010000000000000000000000000014400100000000000000"
)


def same(one: QuantileSketch, other: QuantileSketch) -> bool:
    return one.to_bytes() == other.to_bytes()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("cells", "error"), [(2048, 0.0005), (512, 0.002)])
def test_quantiles_are_of_the_right_rank(shape, cells, error):
    column = np.sort(SHAPES[shape](np.random.default_rng(3)))
    found = QuantileSketch.of(column, cells).quantiles(Q)
    assert np.abs(np.searchsorted(column, found) / column.size - Q).max() < error
    np.testing.assert_array_equal(np.sign(found), np.sign(np.quantile(column, Q)))


@pytest.mark.parametrize("shape", SHAPES)
def test_any_division_of_the_rows_in_any_order_gives_the_same_bytes(shape):
    column = SHAPES[shape](np.random.default_rng(4))
    whole = QuantileSketch.of(column, 512)
    parts = [QuantileSketch.of(part, 512) for part in np.array_split(column, [0, 10, 11, 900, 17_000, 30_000])]
    for order in itertools.islice(itertools.permutations(parts), 0, 5_000, 1_000):
        merged = QuantileSketch.of(np.empty(0), 512)
        for part in order:
            merged = merged.merge(part)
        assert same(merged, whole)
    assert same(QuantileSketch.of(np.random.default_rng(0).permutation(column), 512), whole)


@pytest.mark.parametrize("rows", [1, 2, 3, 10, 101, 512])
def test_of_few_different_values_quantiles_are_numpys(rows):
    column = np.random.default_rng(rows).standard_normal(rows)
    sketch = QuantileSketch.of(np.tile(column, 3), 512)
    q = np.linspace(0, 1, 41)
    np.testing.assert_allclose(sketch.quantiles(q), np.quantile(np.tile(column, 3), q), rtol=1e-14, atol=0)


def test_medians_beside_a_gap_or_a_value_of_many_rows_have_their_sign():
    """Where half of the rows lie on either side of a gap, and where an atom lies beside the middle."""
    draw = np.random.default_rng(1)
    for seed in range(200):
        below, above = -draw.random(400) - 0.5, draw.random(401) * 3 + 0.01
        gap = np.concatenate([below, above])
        atom = np.concatenate([draw.normal(size=5_000), np.full(300 + seed, -0.004)])
        for column in (gap, atom, -gap, -atom):
            found = QuantileSketch.of(column, 512).quantiles(np.array([0.5]))[0]
            assert np.sign(found) == np.sign(np.median(column))
            assert found == pytest.approx(np.median(column), rel=0.02, abs=1e-4)


def test_quantiles_never_fall_as_q_rises():
    sketch = QuantileSketch.of(np.random.default_rng(0).standard_normal(20_000), 100)
    assert np.all(np.diff(sketch.quantiles(np.linspace(0, 1, 5001))) >= 0)


def test_zero_and_one_are_the_extremes():
    column = np.random.default_rng(1).standard_cauchy(30_000)
    found = QuantileSketch.of(column, 100).quantiles(np.array([0.0, 1.0]))
    assert found.tolist() == [column.min(), column.max()]


def test_a_value_held_by_most_rows_is_met_exactly():
    column = np.concatenate([np.zeros(6_000), -np.zeros(10), np.random.default_rng(0).standard_normal(4_000)])
    assert QuantileSketch.of(column, 200).quantiles(np.array([0.4, 0.5, 0.6])).tolist() == [0.0, 0.0, 0.0]


def test_the_sum_of_the_greatest_hundredth_is_that_of_the_rows():
    for shape, draw in SHAPES.items():
        column = draw(np.random.default_rng(5))
        exact = np.sort(np.abs(column))[-500:].sum()
        assert QuantileSketch.of(column, 2048).tail_sum(0.01) == pytest.approx(exact, rel=5e-3), shape


def test_a_sketch_is_small_and_survives_being_written_down():
    for draw in SHAPES.values():
        sketch = QuantileSketch.of(draw(np.random.default_rng(6)), 2048)
        again = QuantileSketch.from_bytes(sketch.to_bytes())
        assert same(sketch, again)
        np.testing.assert_array_equal(sketch.quantiles(Q), again.quantiles(Q))
        assert len(sketch.to_bytes()) < 4_000


def test_no_values_have_no_quantiles():
    nothing = QuantileSketch.of(np.empty(0), 100)
    assert np.isnan(nothing.quantiles(Q)).all()
    assert nothing.tail_sum(0.5) == 0.0
    assert same(QuantileSketch.from_bytes(nothing.to_bytes()), nothing)


def test_digests_of_earlier_versions_are_read_and_merged():
    digest = QuantileSketch.from_bytes(DIGEST)
    q = np.linspace(0, 1, 13)
    np.testing.assert_allclose(digest.quantiles(q), np.quantile([1, 2, 2, 5], q))
    both = digest.merge(QuantileSketch.of(np.array([7.0, 0.0]), 512))
    np.testing.assert_allclose(both.quantiles(q), np.quantile([0, 1, 2, 2, 5, 7], q))
    document = FeatureStatistics.of(np.array([[1.0], [2.0], [2.0], [5.0]]), ["a"]).to_json()
    document["digests"] = [base64.b64encode(DIGEST).decode()]
    assert FeatureStatistics.from_json(document).median.tolist() == [2.0]


def test_damage_is_an_error_not_a_number():
    state = QuantileSketch.of(np.arange(100.0), 100).to_bytes()
    for broken in (state[:-16], state[:20], DIGEST[:-16], DIGEST[:20]):
        with pytest.raises(RunError, match="damaged"):
            QuantileSketch.from_bytes(broken)
    with pytest.raises(RunError, match="unknown format"):
        QuantileSketch.from_bytes(state[:1] + b"\x09" + state[2:])
