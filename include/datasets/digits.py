"""Images of handwritten digits as a Parquet dataset: 8 x 8 pixels of 0 to 16, row by row in a list, and the digit.

    python include/datasets/digits.py --to .data/digits

Source: the test part of the UCI data set Optical Recognition of Handwritten Digits (E. Alpaydin and C. Kaynak, 1998),
1,797 images by 13 people, as scikit-learn ships it; its file is read, scikit-learn is not imported.

The dataset is `split=train/part-0.parquet` and `split=test/part-0.parquet` (one image of five). Run again, it finds
its work done.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from include.datasets import parts

SIDE = 8
LARGEST = 16
"""The value of a pixel that is all ink."""

SCHEMA = pa.schema({"image_id": pa.string(), "digit": pa.string(), "image": pa.list_(pa.uint8(), SIDE * SIDE)})


def read() -> np.ndarray:
    """(images, 65): the pixels, then the digit."""
    spec = find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("digits: scikit-learn is not installed; pip install scikit-learn")
    file = Path(next(iter(spec.submodule_search_locations))) / "datasets" / "data" / "digits.csv.gz"
    return np.loadtxt(file, delimiter=",", dtype=np.uint8)


def table(numbers: np.ndarray) -> pd.DataFrame:
    """The columns of the dataset, and the split."""
    images, digits = numbers[:, : SIDE * SIDE], numbers[:, SIDE * SIDE]
    print(f"digits: {len(numbers):,} images; {', '.join(f'{n} of {d}' for d, n in enumerate(np.bincount(digits)))}")
    return pd.DataFrame(
        {
            "image_id": [f"d{number:04d}" for number in range(len(numbers))],
            "digit": digits.astype(str),
            "image": list(images),
            parts.SPLIT: parts.held_out(len(numbers)),
        }
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Handwritten digits as a Parquet dataset")
    parser.add_argument("--to", type=Path, default=Path(".data/digits"), help="the folder to write (%(default)s)")
    to: Path = parser.parse_args(arguments).to
    made_by = parts.recipe([Path(__file__), Path(parts.__file__)])
    if parts.is_done(to, made_by):
        print(f"digits: '{to}' is complete, nothing to do")
        return 0
    if parts.is_foreign(to):
        print(f"digits: '{to}' holds files that this script did not write; name another folder", file=sys.stderr)
        return 2
    started = time.monotonic()
    data = table(read())
    parts.write(data, SCHEMA, to, made_by=made_by, source="scikit-learn: digits (UCI, optical recognition)")
    print(f"digits: wrote {len(data):,} rows to '{to}' in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
