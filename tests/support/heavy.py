"""Which test files take longest, so that they begin first and none of them is left alone at the end."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SECONDS", "heaviest_first"]

# Seconds of one core by file under tests/, roughly; whatever is not here takes less than ten. `--durations` says what
# has changed.
SECONDS = {
    "e2e/test_scheduler.py": 250,
    "e2e/test_deferred_task.py": 150,
    "integration/test_deferred.py": 240,
    "integration/test_docs.py": 60,
    "integration/test_careful.py": 50,
    "integration/test_notebooks.py": 40,
    "integration/test_clustered_intervals.py": 30,
    "integration/test_docs_site.py": 25,
    "integration/test_architecture.py": 25,
    "integration/test_shipped_models.py": 35,
    "integration/test_pipeline.py": 65,
    "integration/test_mlflow.py": 22,
    "integration/test_calibrated_flights.py": 45,
    "integration/test_bring_your_model.py": 28,
    "integration/test_honesty.py": 65,
    "integration/test_quality.py": 45,
    "integration/test_flights.py": 50,
    "integration/test_lost_workers.py": 125,
    "integration/test_ending_rows.py": 100,
    "integration/test_object_store.py": 40,
    "integration/test_huggingface.py": 15,
    "integration/test_simultaneous.py": 20,
    "integration/test_compose_commands.py": 65,
    "integration/test_random_architectures.py": 35,
    "integration/test_memory.py": 40,
    "integration/test_damaged_files.py": 35,
    "integration/test_cluster.py": 95,
    "integration/test_replaced_files.py": 26,
    "integration/test_huggingface_folders.py": 20,
    "integration/test_parity.py": 35,
    "integration/test_secrets.py": 25,
    "integration/test_drift_on_flights.py": 45,
    "integration/test_drift.py": 50,
    "integration/test_adhoc.py": 15,
    "integration/test_contests.py": 21,
    "integration/test_baselines.py": 17,
    "integration/test_checking.py": 16,
    "unit/web/test_hostile.py": 23,
    "unit/models/test_bare.py": 15,
    "unit/cluster/test_plain_worker.py": 15,
    "integration/test_methods.py": 15,
    "unit/attribution/test_layer_methods.py": 20,
    "unit/attribution/test_by_method.py": 15,
    "unit/attribution/test_keras_pools.py": 12,
    "unit/validation/drift/test_closed_forms.py": 12,
    "unit/attribution/test_keras_follow.py": 9,
    "unit/validation/test_checks.py": 8,
    "unit/attribution/test_keras_inspection.py": 8,
    "unit/reports/test_page.py": 7,
    "unit/attribution/test_backends.py": 7,
    "unit/web/test_report_page.py": 6,
    "unit/baselines/test_explaining.py": 6,
    "unit/reports/test_report_charts.py": 6,
    "unit/attribution/test_random_architectures.py": 6,
    "unit/attribution/test_keras_graph_gradients.py": 6,
    "unit/validation/drift/test_planted.py": 5,
}
_TESTS = Path(__file__).parents[1]


def heaviest_first(path: Path) -> float:
    """The key by which files are sorted; the order within a file, and of light files, stays."""
    return -SECONDS.get(path.relative_to(_TESTS).as_posix(), 0)
