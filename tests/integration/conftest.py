"""For integration tests: what a module may share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.undrawn import charts_undrawn


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Pages of the module have no charts; those of every module without this have."""
    with charts_undrawn():
        yield
