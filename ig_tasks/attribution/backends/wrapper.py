"""A backend in front of another one."""

from __future__ import annotations

from typing import Any

from ig_tasks.attribution.backends.base import Backend

__all__ = ["BackendWrapper"]


class BackendWrapper:
    """A backend that changes some of what another does. All else is the other's; it has one lane."""

    lanes = 1

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)
