"""Specs that do not load, among Airflow's import errors: their DAGs stay in a file of their own, and say so too."""

from pathlib import Path

from ig_tasks.orchestration import require_specs

require_specs(Path(__file__).resolve().parent.parent / "include" / "specs")
