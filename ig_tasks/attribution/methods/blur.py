"""A path from a blurred picture to the sharp one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Points
from ig_tasks.attribution.method_options import MethodOptions
from ig_tasks.attribution.methods.base import MethodResult
from ig_tasks.attribution.methods.described import Described
from ig_tasks.attribution.methods.path_gradients import PathIntegratedGradients
from ig_tasks.attribution.open_model import OpenModel
from ig_tasks.attribution.paths import PathPoints
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.tolerances import Tolerances
from ig_tasks.errors import InputError

__all__ = ["Blur"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Blur(Described):
    """The integral of the gradient along the path on which a row comes into focus.

    Xu, Venugopalan & Sundararajan 2020, "Attribution in Scale and Space", eq. 6. At place a of the path the row is
    under a Gaussian of width `sigma` (1 - a). The path knows of no baseline: `baseline_output` is the output at the
    blurred row. The Gaussian is that of heat that cannot leave the picture, by cosine transforms, whose derivative is
    known exactly. Complete, with an error estimate, as every path.

    Args:
        sigma: width of the Gaussian at the start, in pixels or time steps; None: a tenth of the longest axis.
        axes: of a row, that are blurred; None: all but the channels of a row of three axes (first in torch, last in
            Keras).
    """

    name: ClassVar[str] = "blur"

    sigma: float | None = None
    axes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        number = isinstance(self.sigma, int | float) and not isinstance(self.sigma, bool)
        if self.sigma is not None and not (number and 0.0 < self.sigma < np.inf):
            raise InputError(f"method 'blur': sigma {self.sigma!r} is not a number above 0")
        if self.axes is not None:
            object.__setattr__(self, "axes", tuple(self.axes))

    @property
    def needs_baseline(self) -> bool:
        """The path begins at the row itself, blurred."""
        return False

    def run(self, model: OpenModel, problem: Problem, options: MethodOptions, tolerances: Tolerances) -> MethodResult:
        """By quadrature along the path. See `Method`."""
        for name in problem.endpoints:
            if name in model.backend.layers:
                raise InputError(
                    f"method 'blur': input '{name}' is embedded, and has no axes to blur; pass it in fixed="
                )
        path = _BlurPath(self.sigma, self.axes, channels_first=model.backend.framework == "torch")
        starts = path.points({}, _floats(problem.endpoints), np.zeros(1)).points
        begun = replace(problem, starts={name: start[0] for name, start in starts.items()})
        return PathIntegratedGradients(path).run(model, begun, options, tolerances)


def _floats(arrays: Points) -> Points:
    return {name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()}


@dataclass(frozen=True)
class _BlurPath:
    """Rows under ever narrower Gaussians."""

    sigma: float | None
    axes: tuple[int, ...] | None
    channels_first: bool
    name: ClassVar[str] = "blur"

    def points(self, starts: Points, ends: Points, places: Array) -> PathPoints:  # noqa: ARG002
        """See `Path`."""
        points, derivatives = {}, {}
        for name, end in ends.items():
            points[name], derivatives[name] = self._blurred(name, end, places)
        return PathPoints(points, derivatives)

    def _blurred(self, name: str, end: Array, places: Array) -> tuple[Array, Array]:
        """The rows at `places` (nodes,), and how they change with the place: (nodes, rows, *shape) each."""
        from scipy.fft import dctn, idctn  # for images and series alone

        shape = end.shape[1:]
        axes = self._axes(name, shape)
        behind = tuple(axis + 1 for axis in axes)
        width = self.sigma or max(shape[axis] for axis in axes) / 10.0
        frequencies = np.zeros((1, *([1] * len(shape))))
        for axis in behind:
            count = end.shape[axis]
            along = np.ones(end.ndim, dtype=np.intp)
            along[axis] = count
            frequencies = frequencies + ((np.pi * np.arange(count) / count) ** 2).reshape(along)
        spectrum = dctn(end, axes=behind)
        points, derivatives = np.empty((2, len(places), *end.shape))
        for node, place in enumerate(places):
            if place == 1.0:
                points[node], derivatives[node] = end, 0.0
                continue
            sigma = width * (1.0 - place)
            under = spectrum * np.exp(-0.5 * sigma**2 * frequencies)
            points[node] = idctn(under, axes=behind)
            derivatives[node] = idctn(width * sigma * frequencies * under, axes=behind)
        return points, derivatives

    def _axes(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not shape:
            raise InputError(
                f"method 'blur': a row of input '{name}' is one number, with no axis to blur; pass it in fixed="
            )
        if self.axes is None:
            inner = len(shape) == 3
            return ((1, 2) if self.channels_first else (0, 1)) if inner else tuple(range(len(shape)))
        for axis in self.axes:
            if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
                raise InputError(
                    f"method 'blur': axis {axis!r} is not one of a row of input '{name}', which has shape {shape}"
                )
        return tuple(axis % len(shape) for axis in self.axes)
