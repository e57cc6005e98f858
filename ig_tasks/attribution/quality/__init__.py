"""How good an explanation is: does it foretell the output, does it stay put, does it depend on the model at all?

Every measure takes the rows of a `Subject`, asks the model and the engine again, and gives one number per row. They
are arrays in and arrays out, like the engine.
"""

from ig_tasks.attribution.quality.subject import Subject

__all__ = ["Subject"]
