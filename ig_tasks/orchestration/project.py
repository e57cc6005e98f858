"""What `ig-tasks init` writes into an Airflow project: DAG files, a spec, and a folder for the model."""

from __future__ import annotations

from pathlib import Path

from ig_tasks.errors import SpecError

_DAGS = """\
from pathlib import Path
from ig_tasks.orchestration import ig_dags  # an Airflow DAG for every spec in include/specs
globals().update({dag.dag_id: dag for dag in ig_dags(Path(__file__).resolve().parents[1] / "include" / "specs")})
"""

# A file of its own: Airflow no longer schedules the DAGs of a file that raises.
_BROKEN_SPECS = """\
from pathlib import Path
from ig_tasks.orchestration import require_specs  # lists specs that do not load as Airflow's import errors; no DAG
require_specs(Path(__file__).resolve().parents[1] / "include" / "specs")
"""

_FEATURE_VALIDATION = """\
from pathlib import Path
from ig_tasks.orchestration import ig_feature_validation_dag  # an Airflow DAG: lets reports pass, warns, asks a person
dag = ig_feature_validation_dag(Path(__file__).resolve().parents[1] / "include" / "specs")
"""

_ON_DEMAND = """\
from pathlib import Path
from ig_tasks.orchestration import ig_on_demand_dag  # an Airflow DAG with a form: explains a few rows
dag = ig_on_demand_dag(Path(__file__).resolve().parents[1] / "include" / "specs")
"""

_SPEC = """\
version: 1
name: my_model                     # DAG ig_my_model; a DAG with schedule=on_reports("my_model") waits for its reports
model: ../models/my_model          # a folder with model.yaml; paths are relative to this file
data: ../../data                   # Parquet files; for month=2025-01/ folders: {uri: ../../data, partition: month}
baseline: auto                     # median of numbers, mean embedding of categories
"""

_MODEL = """\
# What this folder needs

Put a file `model.yaml` here, beside the model's weights:

```yaml
framework: torch                   # or tensorflow
factory: model:build               # model.py of this folder: build(**arguments) -> torch.nn.Module
arguments: {hidden: [256, 128]}
weights: weights.safetensors       # tensorflow: model.keras, and no factory
inputs:                            # by the names of forward's arguments (Keras: of the Input layers)
  numeric: {columns: [distance, temp]}
  carrier: {columns: [carrier], vocabulary: [AA, UA], offset: 1, unknown: 0, layer: embed_carrier}
targets: {late: {space: logit}}
card: {name: My model, version: "1", owner: my-team, intended_use: what it decides}
```

Then `ig-tasks check include/specs/my_model.yaml` says what is missing.
"""

_FILES = {
    "dags/ig_tasks_dags.py": _DAGS,
    "dags/ig_tasks_broken_specs.py": _BROKEN_SPECS,
    "dags/ig_tasks_feature_validation.py": _FEATURE_VALIDATION,
    "dags/ig_tasks_explain_on_demand.py": _ON_DEMAND,
    "include/specs/my_model.yaml": _SPEC,
    "include/models/my_model/README.md": _MODEL,
}


def init_project(directory: Path) -> list[str]:
    """Write the files that are not there yet; a line for each, then what to do next.

    Raises:
        SpecError: if the folder cannot be written to.
    """
    lines = []
    for name, content in _FILES.items():
        path = directory / name
        if path.exists():
            lines.append(f"kept     {path}")
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        except OSError as error:
            raise SpecError(f"{path}: cannot be written ({error.strerror}); give a folder of your own") from None
        lines.append(f"written  {path}")
    spec = directory / "include/specs/my_model.yaml"
    return [*lines, f"Next: put the model into {directory / 'include/models/my_model'}, then: ig-tasks check {spec}"]
