"""Training: what the models learn from, and that a package says the truth about itself."""

import numpy as np
import pandas as pd
import pytest

from ig_tasks.data.encoding import encode
from ig_tasks.models import open_package


def test_area_under_curve_counts_pairs():
    from include.models.flights_data import area_under_curve

    label, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8])
    assert area_under_curve(label, score) == pytest.approx(3.5 / 4)
    assert area_under_curve(label, -score) == pytest.approx(0.5 / 4)


def test_rare_and_missing_categories_are_no_part_of_a_vocabulary():
    from include.models.flights_data import CATEGORICAL, vocabularies

    frame = pd.DataFrame(dict.fromkeys(CATEGORICAL, ["b"] * 3 + ["a"] * 2 + ["c"] + [None] * 5))
    assert vocabularies(frame, at_least=2)["tailnum"] == ["a", "b"]


def test_id_zero_is_everything_outside_the_vocabulary():
    from include.models.flights_data import CATEGORICAL, NUMERIC, arrays

    frame = pd.DataFrame({name: ["b", "a", "z", None] for name in CATEGORICAL}).assign(**dict.fromkeys(NUMERIC, 1.0))
    encoded = arrays(frame, {"carrier": ["a", "b"]})
    assert encoded["carrier"].tolist() == [2, 1, 0, 0]
    assert encoded["numeric"].shape == (4, len(NUMERIC))


def test_batches_repeat_and_make_three_percent_unknown(monkeypatch):
    from include.models import training

    monkeypatch.setattr(training, "EPOCHS", 2)
    rows = 20 * training.BATCH + 5
    inputs = {"numeric": np.arange(rows, dtype=np.float32)[:, None], "carrier": np.ones(rows, dtype=np.int64)}
    label = np.arange(rows, dtype=np.float32)
    flights = training.Flights({"carrier": ["a"]}, inputs, label, inputs, label)
    batches = list(flights.batches(seed=0))
    assert len(batches) == flights.steps == 40
    assert all((batch["numeric"][:, 0] == label).all() for batch, label in batches)
    epoch = np.concatenate([label for _, label in batches[:20]])
    assert len(np.unique(epoch)) == 20 * training.BATCH
    unknown = np.mean([batch["carrier"] == 0 for batch, _ in batches])
    assert unknown == pytest.approx(0.03, abs=0.003)
    assert inputs["carrier"].all()
    again = list(flights.batches(seed=0))
    assert all((one["carrier"] == two["carrier"]).all() for (one, _), (two, _) in zip(batches, again, strict=True))
    assert flights.rate(0) == training.RATE
    assert flights.rate(flights.steps) == pytest.approx(0)


@pytest.mark.parametrize(("framework", "activation"), [("torch", "relu"), ("tensorflow", "tanh")])
def test_a_trained_package_says_the_truth_about_itself(two_months, demo_months, tmp_path, framework, activation):
    from include.models import train_flights
    from include.models.flights_data import area_under_curve

    to = tmp_path / "model"
    arguments = ["--data", two_months, "--framework", framework, "--hidden", 16, 8, "--activation", activation]
    assert train_flights.main([str(part) for part in [*arguments, "--to", to]]) == 0
    package = open_package(to, trusted_root=tmp_path)
    card = package.config.card.model_extra
    assert card["test"]["rows"] == 27_020 - 913
    assert card["test"]["auc"] > 0.7
    december = demo_months[demo_months["month_of_year"] == "12"]
    encoded = encode(december, package.config.inputs)
    logits = package.load().predict(encoded.inputs)[:, 0]
    late = december["late"].to_numpy()[encoded.keep]
    assert area_under_curve(late, logits) == pytest.approx(card["test"]["auc"], abs=1e-4)
    assert not list(tmp_path.glob(".model*"))


def test_a_folder_that_is_no_package_is_left_alone(tmp_path):
    from include.models.train_flights import replace

    fresh, mine = tmp_path / "fresh", tmp_path / "mine"
    fresh.mkdir()
    mine.mkdir()
    (mine / "thesis.txt").write_text("x")
    with pytest.raises(SystemExit, match="holds files but no model package"):
        replace(fresh, mine)
    assert (mine / "thesis.txt").read_text() == "x"
