"""Integrals along paths: quadrature, the composite secant rule, and exact integration over linear regions."""

from ig_tasks.attribution.integrators.base import Integrator
from ig_tasks.attribution.integrators.chunk import Chunk, CommonStart

__all__ = ["Chunk", "CommonStart", "Integrator"]
