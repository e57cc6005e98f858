"""Rows of a task that are left out of it: those that end the process in which it runs, or with which it never ends."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from ig_tasks.data.dataset import POSITION

__all__ = ["left_out"]


def left_out(frame: pd.DataFrame, positions: Collection[str]) -> pd.DataFrame:
    """The rows of `read_shard` without those at these positions (`<file>:<row>`), numbered anew."""
    return frame if not positions else frame[~frame[POSITION].isin(positions)].reset_index(drop=True)
