"""Where triton is installed, it is imported before TensorFlow, wherever the product imports that."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CALL = "triton_first()"
FAKE = "import sys\nprint('triton', 'tensorflow' in sys.modules, 'keras' in sys.modules)\n"


def run(code: str, *path: Path) -> str:
    paths = os.pathsep.join([*map(str, path), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return done.stdout


@pytest.fixture
def triton(tmp_path: Path) -> Path:
    """A folder with a triton that says what was there before it."""
    (tmp_path / "triton").mkdir()
    (tmp_path / "triton" / "__init__.py").write_text(FAKE)
    return tmp_path


@pytest.mark.parametrize(
    "code",
    [
        "import ig_tasks.models.loaders.keras",
        "import ig_tasks.attribution.backends.keras.backend",
        "from ig_tasks.cluster.threads import limit_threads; limit_threads('tensorflow')",
        "from ig_tasks.cluster.device import choose_device; choose_device({'GPU': 1}, framework='tensorflow')",
    ],
)
def test_triton_comes_first(triton: Path, code: str) -> None:
    for name in ("tensorflow", "keras"):  # as light as a module can be
        (triton / f"{name}.py").write_text("raise ImportError\n")
    stopped = f"import os; os.environ['OMP_NUM_THREADS'] = '1'\ntry:\n    {code}\nexcept ImportError:\n    pass"
    assert run(stopped, triton) == "triton False False\n"


def test_triton_behind_tensorflow_is_left_alone(triton: Path) -> None:
    (triton / "tensorflow.py").write_text("")
    assert run("import tensorflow\nfrom ig_tasks.import_order import triton_first\ntriton_first()", triton) == ""


def test_nothing_is_imported_where_it_is_not_installed() -> None:
    code = "import sys, importlib.util\nimportlib.util.find_spec = lambda name: None\n"
    assert (
        run(f"{code}from ig_tasks.import_order import triton_first\ntriton_first()\nprint('triton' in sys.modules)")
        == "False\n"
    )


def imports_tensorflow(file: Path) -> bool:
    names = [
        name
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    ]
    return any(name.split(".")[0] in ("tensorflow", "keras", "tf_keras") for name in names)


def test_every_room_that_imports_tensorflow_asks_for_it() -> None:
    files = [file for file in (ROOT / "ig_tasks").rglob("*.py") if imports_tensorflow(file)]
    assert len(files) > 10
    for file in files:
        calls = [each.read_text() for each in (file, file.parent / "__init__.py")]
        # The doctor is asked by those who hold a Keras model.
        asked = file.parent == ROOT / "ig_tasks" / "doctor" and file.stem in ("keras", "keras_trace")
        assert any(CALL in text for text in calls) or asked, file
