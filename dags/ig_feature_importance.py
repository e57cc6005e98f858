"""An Airflow DAG for every spec in include/specs, or in the folder that IG_TASKS_SPECS names."""

from pathlib import Path

from ig_tasks.orchestration import ig_dags

for dag in ig_dags(Path(__file__).resolve().parent.parent / "include" / "specs"):
    globals()[dag.dag_id] = dag
