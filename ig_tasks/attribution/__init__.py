"""The attribution engine: Integrated Gradients for torch and Keras, with one copy of the numerics.

Parts that combine: a `Rule` (where the gradient is taken) x a `Control` (how many nodes a row gets) x a
method (which path) over a `Backend` (forward and backward of one framework) give an `AttributionResult`.
It knows no tables, files, Dask or Airflow.
"""

from ig_tasks.attribution.averaging import attribute_averaged
from ig_tasks.attribution.by_method import attribute_by_method
from ig_tasks.attribution.engine import attribute
from ig_tasks.attribution.lookup import Lookup, embed
from ig_tasks.attribution.named_inputs import NamedInputs
from ig_tasks.attribution.options import EngineOptions
from ig_tasks.attribution.result import AttributionResult

__all__ = [
    "AttributionResult",
    "EngineOptions",
    "Lookup",
    "NamedInputs",
    "attribute",
    "attribute_averaged",
    "attribute_by_method",
    "embed",
]
