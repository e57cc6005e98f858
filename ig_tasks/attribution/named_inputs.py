"""The inputs that callers pass: a bare array, arrays by name, or the model's positional inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends import positional_names
from ig_tasks.errors import BaselineError, IgTasksError, InputError, brief

__all__ = ["BARE_NAME", "Form", "NamedInputs", "as_array", "element_names", "is_number", "is_several"]

Array = npt.NDArray[Any]
Form = Literal["bare", "named", "positional"]
"""One array as the model's only argument, arrays by name, or arrays by position."""

BARE_NAME = "inputs"
"""The name of an input that the caller gave as a bare array, where nothing else names it."""


@dataclass(frozen=True)
class NamedInputs:
    """Inputs by name, in the caller's order. They remember how they were given, and give results back in that form."""

    form: Form
    arrays: dict[str, Array]
    positional: tuple[str, ...] = ()
    """Names of the arguments that are passed by position; empty unless `form` is "positional"."""
    absent: dict[str, None] = field(default_factory=dict)
    """The positional arguments for which the caller passed None."""

    @classmethod
    def of(cls, model: Any, inputs: Any, *, bare_name: str = BARE_NAME) -> NamedInputs:
        """Convert inputs of any supported form.

        Args:
            model: the model that takes them, whose parameters name positional inputs.
            inputs: one array, arrays by name, or a tuple or list of arrays.
            bare_name: the name of the input if it is given as a bare array.

        Raises:
            InputError: naming the input that is not an array.
        """
        if isinstance(inputs, NamedInputs):
            return inputs
        if inputs is None or (isinstance(inputs, Mapping | tuple | list) and not inputs):
            raise InputError("inputs: no inputs; give an array (rows, ...), or several")
        if isinstance(inputs, Mapping):
            return cls("named", {str(k): as_array(v, f"inputs[{str(k)!r}]") for k, v in inputs.items()})
        if not is_several(inputs):
            return cls("bare", {bare_name: as_array(inputs, "inputs")})
        names = _own_names(model, inputs) or positional_names(model, len(inputs))
        for place, (name, value) in enumerate(zip(names, inputs, strict=True)):
            _check_member(place, name, value)
        present = {name: value for name, value in zip(names, inputs, strict=True) if value is not None}
        arrays = {name: as_array(value, f"inputs[{name!r}]") for name, value in present.items()}
        return cls("positional", arrays, tuple(names), {name: None for name in names if name not in present})

    @property
    def bare(self) -> bool:
        """Whether the caller gave one array without a name."""
        return self.form == "bare"

    @property
    def rows(self) -> int:
        """Rows of the first input."""
        return len(next(iter(self.arrays.values())))

    def as_given(self, by_name: Mapping[str, Any]) -> Any:
        """Values by input name in the form of the inputs: the only one itself if the input is a bare array."""
        return next(iter(by_name.values())) if self.bare else dict(by_name)

    def by_name(self, values: Any) -> dict[str, Any]:
        """Values in the form of the inputs, such as attributions, by input name."""
        return dict(values) if isinstance(values, Mapping) else dict.fromkeys(self.arrays, values)

    def with_arrays(self, arrays: dict[str, Array]) -> NamedInputs:
        """Other arrays, given in the same form."""
        return replace(self, arrays=arrays)

    def renamed(self, by_name: Mapping[Any, Any]) -> dict[str, Any]:
        """Values by input name, in which a bare array may be called "inputs"."""
        names = {BARE_NAME: next(iter(self.arrays))} if self.bare else {}
        return {names.get(str(name), str(name)): value for name, value in by_name.items()}

    def display_name(self, name: str) -> str:
        """What messages and tables call an input: a bare array is x."""
        return "x" if self.bare else name

    def element_names(self) -> list[str]:
        """One name per number of a row, all inputs together."""
        return [
            element
            for name, array in self.arrays.items()
            for element in element_names(self.display_name(name), array.shape[1:])
        ]

    def in_order(self, argument: str, value: Any) -> Any:
        """Convert a baseline or reference in the order of positional inputs into one by name.

        Raises:
            BaselineError: if it has another number of members.
        """
        if self.bare and is_several(value) and len(value) == 1:
            return value[0]
        if self.form != "positional" or not isinstance(value, tuple | list):
            return value
        names = list(self.arrays)
        if len(value) == len(self.positional) and self.absent:
            value = [member for name, member in zip(self.positional, value, strict=True) if name in self.arrays]
        if len(value) != len(names):
            raise BaselineError(
                f"{argument}: {len(value)} are given for {len(names)} inputs ({', '.join(names)}); give one per input, "
                "in the same order"
            )
        return dict(zip(names, value, strict=True))


def element_names(name: str, shape: Sequence[int]) -> list[str]:
    """The names of an array's elements, `name[0,1]`; the name alone for a single number."""
    places = list(np.ndindex(*shape))
    return [f"{name}[{','.join(map(str, place))}]" if place else name for place in places]


def is_several(value: Any) -> bool:
    """Whether `value` is a tuple or list of arrays. Nested lists of plain numbers are one array."""
    return isinstance(value, tuple | list) and any(_is_array(member) for member in value)


def is_number(value: Any) -> bool:
    """Whether a baseline is one number for every input; None counts as zero."""
    if value is None or isinstance(value, bool | int | float | np.generic):
        return True
    try:
        return hasattr(value, "shape") and len(value.shape) == 0
    except (TypeError, ValueError):
        return False


def as_array(value: Any, argument: str) -> Array:
    """Convert an array, a tensor (in a graph, on a device, of any float type) or nested lists into a numpy array.

    Raises:
        InputError: which begins with `argument`, for anything that is not one dense array.
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise InputError(
            f"{argument}: a masked array, whose gaps would reach the model as numbers; fill them, .filled(...)"
        )
    if isinstance(value, np.ndarray):
        return value
    kind = f"{type(value).__module__.split('.')[0]}.{type(value).__name__}"
    if remedy := _sparse(value):
        raise InputError(f"{argument}: it is sparse ({kind}); give it dense, {remedy}")
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
        array = np.asarray(value)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise InputError(f"{argument}: its rows differ in length; pad them to one length, and give an array") from None
    except IgTasksError:
        raise
    except Exception as error:
        raise InputError(f"{argument}: {kind} is not an array ({brief(error)})") from error
    if array.dtype.kind == "O" and array.ndim == 0 and isinstance(value, Iterable):
        raise InputError(f"{argument}: {kind} is not an array; give one, (rows, ...)")
    # numpy knows TensorFlow's bfloat16 by an extension only.
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def _is_array(value: Any) -> bool:
    try:
        return len(getattr(value, "shape", ())) > 0
    except (TypeError, ValueError):  # the shape is unknown
        return False


def _sparse(value: Any) -> str:
    """The call that makes a sparse or ragged array dense; "" for any other value."""
    module, name = type(value).__module__.split(".")[0], type(value).__name__
    if module == "scipy" and hasattr(value, "toarray"):
        return ".toarray()"
    if module == "torch" and str(getattr(value, "layout", "torch.strided")) != "torch.strided":
        return ".to_dense()"
    if module == "tensorflow" and name == "SparseTensor":
        return "tf.sparse.to_dense(...)"
    return ".to_tensor()" if module == "tensorflow" and name == "RaggedTensor" else ""


def _own_names(model: Any, inputs: Any) -> Sequence[str] | None:
    """The names of a named tuple's members as the model calls them; None for a plain tuple or list.

    Raises:
        InputError: if a field's name and its position contradict each other.
    """
    fields: Sequence[str] = getattr(inputs, "_fields", ())
    if not fields:
        return None
    names = positional_names(model, len(inputs))
    if list(fields) == list(names) or not set(fields) & set(names):
        return names
    for place, name in enumerate(fields):
        if name in names and names[place] != name:
            raise InputError(
                f"inputs: '{name}' is at position {place} of the named tuple, and at {list(names).index(name)} of the "
                "model; give a dict by input name, inputs._asdict()"
            )
    return names


def _check_member(place: int, name: str, value: Any) -> None:
    if value is None or _is_array(value):
        return
    if isinstance(value, Mapping) or is_several(value):
        raise InputError(f"inputs[{place}]: '{name}' is a {type(value).__name__} of arrays; give one array per input")
    if not isinstance(value, Iterable) or isinstance(value, str | bytes):
        raise InputError(
            f"inputs[{place}]: '{name}' is {value!r}, not rows; pass it on as it is, fixed={{'{name}': {value!r}}}"
        )
