"""Amounts in messages about workers."""

from __future__ import annotations

__all__ = ["gigabytes", "workers_counted"]


def gigabytes(count: int) -> str:
    """Bytes, such as `2.0 GB`."""
    return f"{count / 1e9:.1f} GB"


def workers_counted(count: int) -> str:
    """Such as `1 worker`."""
    return f"{count} worker{'' if count == 1 else 's'}"
