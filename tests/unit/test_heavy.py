"""The table of heavy test files names files that are there."""

from __future__ import annotations

from pathlib import Path

from support.heavy import SECONDS, heaviest_first

TESTS = Path(__file__).parents[1]


def test_every_heavy_file_is_there() -> None:
    assert [name for name in SECONDS if not (TESTS / name).is_file()] == []


def test_heavier_files_come_first_and_others_keep_their_order() -> None:
    names = (
        "unit/explanations/test_explanation.py",
        "unit/models/test_bare.py",
        "unit/test_cli.py",
        "e2e/test_scheduler.py",
    )
    assert sorted((TESTS / name for name in names), key=heaviest_first) == [
        TESTS / name for name in (names[3], names[1], names[0], names[2])
    ]
