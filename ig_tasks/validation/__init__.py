"""Whether the numbers of a run may be published: data checks by Great Expectations.

`run_checks` is the door. Great Expectations is imported when it is called: it takes seconds.
"""

from __future__ import annotations

from ig_tasks.validation.checks import run_checks

__all__ = ["run_checks"]
