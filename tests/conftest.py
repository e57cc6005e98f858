"""For all tests: both frameworks come to be in one process, where triton has to come first."""

from ig_tasks.import_order import triton_first

triton_first()
