import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import airflow
import jsonschema

from ig_tasks.orchestration.provider_info import get_provider_info


def test_it_is_what_airflow_expects():
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_the_hook_is_where_it_says():
    (connection,) = get_provider_info()["connection-types"]
    module, _, name = connection["hook-class-name"].rpartition(".")
    hook = getattr(import_module(module), name)
    assert hook.conn_type == connection["connection-type"] == "dask"


def test_reading_it_does_not_import_airflow(project):
    script = "import sys; import ig_tasks.orchestration.provider_info; assert 'airflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], cwd=project, check=True)
