"""The public face is small, complete and light."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ig_tasks

ROOT = Path(__file__).parents[2]


def test_all_is_sorted_and_there() -> None:
    assert list(ig_tasks.__all__) == sorted(ig_tasks.__all__)
    for name in ig_tasks.__all__:
        assert getattr(ig_tasks, name) is not None
    assert set(ig_tasks.__all__) <= set(dir(ig_tasks))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'explian'"):
        _ = ig_tasks.explian


def test_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert ig_tasks.__version__ == project["version"]


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import ig_tasks", "numpy pandas pyarrow torch tensorflow keras airflow altair"),
        ("import ig_tasks.attribution", "pandas pyarrow torch tensorflow keras airflow altair scipy"),
        ("from ig_tasks import explain", "torch tensorflow keras airflow altair"),
    ],
)
def test_imports_are_light(statement: str, absent: str) -> None:
    code = f"{statement}\nimport sys\nprint(*[name for name in {absent.split()!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
