"""An Airflow DAG with a form: explains a few rows of any spec, ad hoc."""

from pathlib import Path

from ig_tasks.orchestration import ig_on_demand_dag

dag = ig_on_demand_dag(Path(__file__).resolve().parent.parent / "include" / "specs")
