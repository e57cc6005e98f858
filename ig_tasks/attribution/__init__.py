"""The attribution engine: Integrated Gradients for torch and Keras, with one copy of the numerics.

Parts that combine: a `Rule` (where the gradient is taken) x a `Control` (how many nodes a row gets) x a
method (which path) over a `Backend` (forward and backward of one framework) give an `Explanation`.
It knows no tables, files, Dask or Airflow.
"""

from ig_tasks.attribution.engine import attribute
from ig_tasks.attribution.explanation import Explanation
from ig_tasks.attribution.lookup import Lookup, embed

__all__ = ["Explanation", "Lookup", "attribute", "embed"]
