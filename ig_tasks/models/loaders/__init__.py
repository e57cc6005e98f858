"""One module a framework; each is imported when a model of its framework is loaded."""

from ig_tasks.import_order import triton_first

triton_first()
