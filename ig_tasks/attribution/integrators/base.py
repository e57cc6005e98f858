"""What an integrator is: rows along their paths become attributions with an error estimate and a status."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.integrators.chunk import Chunk, CommonStart
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.rows import Rows

__all__ = ["Integrator"]


@runtime_checkable
class Integrator(Protocol):
    """How the integral along each path is approximated. An integrator owns its loop over the rows of a chunk."""

    @property
    def name(self) -> str:
        """The rule's name, as `details["integrator"]` has it."""
        ...

    @property
    def steps(self) -> int | None:
        """Gradient evaluations of every row; None where they are chosen row by row."""
        ...

    def common_start(self, backend: Backend, problem: Problem) -> CommonStart:
        """What is computed once for all rows that start from one baseline; `CommonStart()` for nothing."""
        ...

    def integrate(self, chunk: Chunk, rows: Rows) -> None:
        """Write the results of all rows of the chunk into `rows`, by `chunk.judge`, level by level.

        Raises:
            NotFollowed: where the model does not let itself be followed as the integrator needs it.
        """
        ...
