"""Stored predictions: what a model server would have logged equals what ig_tasks' packages compute."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from ig_tasks.data.encoding import encode
from ig_tasks.models import open_package


def read(data, month):
    return pq.read_table(data / f"month={month}" / "part-0.parquet", partitioning=None).to_pandas()


def test_written_once_equal_to_the_packages_and_made_anew_when_something_changed(
    two_months, demo_models, capsys, monkeypatch
):
    from include.datasets import predictions

    before = read(two_months, "2013-12")
    assert predictions.main(["--data", str(two_months)]) == 0
    assert "927 flights without weather have none" in capsys.readouterr().out

    stored = read(two_months, "2013-12")
    assert list(stored.columns) == [*before.columns, "late_logit", "late_logit_keras"]
    assert stored[before.columns].equals(before)
    for column, model in predictions.MODELS.items():
        package = open_package(demo_models / model, trusted_root=demo_models)
        encoded = encode(stored, package.config.inputs)
        assert (stored[column].notna() == encoded.keep).all()
        computed = package.load().predict(encoded.inputs)[:, 0]
        np.testing.assert_allclose(computed, stored[column][encoded.keep], rtol=1e-5, atol=1e-5)

    assert predictions.main(["--data", str(two_months)]) == 0
    assert "nothing to do" in capsys.readouterr().out

    # A model that changed: the columns are written anew, and not a second time beside the old ones.
    monkeypatch.setattr(predictions, "state", lambda data: {"dataset": "other"})
    assert not predictions.is_done(two_months)
    assert predictions.main(["--data", str(two_months)]) == 0
    assert list(read(two_months, "2013-12").columns) == list(stored.columns)
    assert read(two_months, "2013-12").equals(stored)
    assert not list(two_months.rglob("*.new"))


def test_killed_between_two_files_it_is_not_done(two_months, monkeypatch):
    from include.datasets import predictions

    monkeypatch.setattr("include.models.scoring.logits", lambda package, frame: np.zeros(len(frame)))
    original, replaced = type(two_months).replace, []

    def replace_one(self, target):
        if replaced:
            raise KeyboardInterrupt
        replaced.append(target)
        return original(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(type(two_months), "replace", replace_one)
        with pytest.raises(KeyboardInterrupt):
            predictions.add(two_months)
    assert "late_logit" in read(two_months, "2013-09")
    assert "late_logit" not in read(two_months, "2013-12")
    assert not predictions.is_done(two_months)
    predictions.add(two_months)
    assert predictions.is_done(two_months)
    assert (read(two_months, "2013-12")["late_logit"] == 0).all()


def test_without_a_dataset_it_says_what_to_run(tmp_path, capsys):
    from include.datasets import predictions

    assert predictions.main(["--data", str(tmp_path)]) == 2
    assert "run python include/datasets/flights.py first" in capsys.readouterr().err
