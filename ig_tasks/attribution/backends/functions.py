"""Functions of tensors as models: a lambda, a partial, a bound method, whatever calls the model that people explain."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ig_tasks.errors import InputError

__all__ = ["as_model", "held_by"]

_DEPTH = 3  # functions that call functions


def as_model(model: Any, inputs: Any) -> Any:
    """The model itself, or a model of its framework around a function of tensors.

    The layers that a function calls are found where Python keeps them, so that they are in inference mode, and are as
    they were found afterwards. Raises InputError where the framework cannot be told.
    """
    if _framework([model]) or not _is_function(model):
        return model
    held = held_by(model)
    framework = _framework(list(held.values())) or _framework(list(_members(inputs))) or _spoken(model) or _imported()
    if framework == "torch":
        from ig_tasks.attribution.backends.torch.function import FunctionModel
    elif framework == "keras":
        from ig_tasks.attribution.backends.keras.function import FunctionModel
    else:
        raise InputError(
            "model: it is a function, and neither it nor the inputs say whether it takes torch's tensors or "
            "TensorFlow's; give the inputs as tensors"
        )
    return FunctionModel.of(model, held)


def held_by(function: Any) -> dict[str, Any]:
    """Models, layers and tensors that a function can reach, by the names that it has for them."""
    found: dict[str, Any] = {}
    for name, value in _reached(function, _DEPTH):
        if _framework([value]) and not any(value is other for other in found.values()):
            while name in found:
                name += "_"
            found[name] = value
    return found


def _is_function(model: Any) -> bool:
    plain = inspect.isroutine(model) or isinstance(model, functools.partial)
    module, name = type(model).__module__.split(".")[0], type(model).__name__
    return plain or (module in ("torch", "tensorflow") and name.endswith("Function") and callable(model))


def _reached(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth == 0:
        return
    if isinstance(value, functools.partial):
        others = {f"args_{place}": one for place, one in enumerate(value.args)} | value.keywords
        yield from _each(others, depth)
        yield from _reached(value.func, depth)
    elif inspect.ismethod(value):
        owner = value.__self__
        yield "model", owner
        if not _framework([owner]):
            yield from _each(getattr(owner, "__dict__", {}), depth)
        yield from _reached(value.__func__, depth)
    elif inspect.isfunction(inspect.unwrap(value)) and (plain := inspect.unwrap(value)):
        known = inspect.getclosurevars(plain)
        defaults = {f"default_{place}": one for place, one in enumerate(plain.__defaults__ or ())}
        named = {**known.globals, **known.nonlocals, **defaults, **(plain.__kwdefaults__ or {})}
        yield from _each(named, depth)
    elif hasattr(value, "python_function"):  # a tf.function
        yield from _reached(value.python_function, depth)


def _each(named: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in named.items():
        yield name, value
        if not _framework([value]):
            yield from _reached(value, depth - 1)
            if not (inspect.ismodule(value) or inspect.isclass(value) or inspect.isroutine(value)):
                # An object that keeps its model as an attribute.
                for key, one in getattr(value, "__dict__", {}).items():
                    yield f"{name}_{key}", one


def _members(inputs: Any) -> Iterator[Any]:
    if isinstance(inputs, Mapping):
        yield from inputs.values()
    elif isinstance(inputs, tuple | list):
        yield from inputs
    else:
        yield inputs


def _framework(values: list[Any]) -> str | None:
    """The framework of the first of these that is a model, a layer or a tensor."""
    torch, keras, tf = (sys.modules.get(name) for name in ("torch", "keras", "tensorflow"))
    for value in values:
        if torch is not None and isinstance(value, torch.nn.Module | torch.Tensor):
            return "torch"
        if keras is not None and isinstance(value, keras.layers.Layer):
            return "keras"
        if tf is not None and hasattr(tf, "Variable") and isinstance(value, tf.Tensor | tf.Variable):
            return "keras"
    return None


def _spoken(function: Any) -> str | None:
    """The framework that a function comes from, or whose name it uses."""
    used = [value.__name__ for _, value in _reached(function, _DEPTH) if inspect.ismodule(value)]
    roots = {
        str(name).split(".")[0] for name in (type(function).__module__, getattr(function, "__module__", ""), *used)
    }
    found = {"torch" if "torch" in roots else "", "keras" if roots & {"keras", "tensorflow"} else ""} - {""}
    return found.pop() if len(found) == 1 else None


def _imported() -> str | None:
    """The only framework that the process has, if it has one."""
    there = [name for name, module in (("torch", "torch"), ("keras", "tensorflow")) if module in sys.modules]
    return there[0] if len(there) == 1 else None
