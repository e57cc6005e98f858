"""Whether the numbers of a run may be published: data checks by Great Expectations.

`run_checks` is the door. Great Expectations is imported when it is called: it takes seconds.
"""

from __future__ import annotations

from ig_tasks.validation.checks import run_checks
from ig_tasks.validation.served import called_check, predicted_of, served_check
from ig_tasks.validation.shard_values import Predicted
from ig_tasks.validation.unknown import judge_unknown, unknown_checks

__all__ = ["Predicted", "called_check", "judge_unknown", "predicted_of", "run_checks", "served_check", "unknown_checks"]
