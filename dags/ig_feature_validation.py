"""An Airflow DAG that lets reports pass, warns, fails or asks a person, by what drift and verdicts found."""

from pathlib import Path

from ig_tasks.orchestration import ig_feature_validation_dag

dag = ig_feature_validation_dag(Path(__file__).resolve().parent.parent / "include" / "specs")
