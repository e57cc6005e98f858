"""Code that came with a pickle: found by its own names by whom it belongs to, and by nobody else."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from ig_tasks.errors import ModelError
from ig_tasks.models.digest import file_digests
from ig_tasks.models.private_modules import PrivateModules


def code(folder: Path, **files: str) -> PrivateModules:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return PrivateModules({folder: file_digests(folder)})


def imported(modules: PrivateModules, name: str) -> Any:
    with modules.importable():
        return importlib.import_module(name)


def test_each_has_its_own(tmp_path: Path) -> None:
    first, second = (code(tmp_path / str(value), lent_net=f"value = {value}\n") for value in (1, 2))
    modules = [imported(first, "lent_net"), imported(second, "lent_net")]
    assert [module.value for module in modules] == [1, 2]
    assert imported(first, "lent_net") is modules[0]
    assert "lent_net" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("lent_net")


def test_what_is_imported_while_it_runs(tmp_path: Path) -> None:
    """Absolute and relative, in packages with and without an __init__.py, and the rest of Python as ever."""
    modules = code(
        tmp_path,
        lent_net="def run():\n    import json\n    from lent_parts.gate import gate\n    return json.dumps(gate())\n",
        lent_parts__gate="from .deep.value import value\n\n\ndef gate():\n    from . import other\n"
        "    return value + other.value\n",
        lent_parts__deep__value="value = 1\n",
        lent_parts__other="value = 2\n",
    )
    assert imported(modules, "lent_net").run() == "3"
    assert not [name for name in sys.modules if name.startswith("lent_")]


def test_a_module_of_the_user_s_own_is_back_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = type(sys)("lent_net")
    monkeypatch.setitem(sys.modules, "lent_net", mine)
    found = imported(code(tmp_path, lent_net="value = 1\n"), "lent_net")
    assert found is not mine
    assert sys.modules["lent_net"] is mine


def test_a_failing_import_leaves_no_trace(tmp_path: Path) -> None:
    modules = code(tmp_path, lent_net="import lent_other\n", lent_other="raise RuntimeError('no')\n")
    finders = list(sys.meta_path)
    with pytest.raises(RuntimeError, match="no"):
        imported(modules, "lent_net")
    assert sys.meta_path == finders
    assert not [name for name in sys.modules if name.startswith("lent_")]


def test_what_is_installed_keeps_its_name(tmp_path: Path) -> None:
    import numpy as np

    modules = code(
        tmp_path, numpy="value = 1\n", json="value = 1\n", lent_net="import json, numpy\nheld = json, numpy\n"
    )
    assert imported(modules, "lent_net").held == (importlib.import_module("json"), np)


def test_code_that_changed_since_is_not_run(tmp_path: Path) -> None:
    modules = code(tmp_path, lent_net="value = 1\n")
    (tmp_path / "lent_net.py").write_text("value = 2\n")
    with pytest.raises(ModelError, match=r"lent_net.py' has changed since the model package was opened; run again"):
        imported(modules, "lent_net")


def test_code_that_came_since_is_not_run(tmp_path: Path) -> None:
    modules = code(tmp_path, lent_parts__gate="import lent_parts.late\n")
    (tmp_path / "lent_parts" / "late.py").write_text("value = 2\n")
    with pytest.raises(ModelError, match=r"late.py' has changed since"):
        imported(modules, "lent_parts.gate")
