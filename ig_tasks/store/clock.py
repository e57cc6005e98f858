"""The one clock of what is written: UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["now", "utc_now"]


def utc_now() -> datetime:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def now() -> str:
    """The same as ISO 8601 text."""
    return utc_now().isoformat()
