"""The code of a model package: imported under a private name, from exactly the bytes that were digested."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from ig_tasks.errors import ModelError, suggest

__all__ = ["DigestedLoader", "import_factory"]

_PREFIX = "_ig_tasks_package_"
_sources: dict[str, tuple[Path, dict[str, str]]] = {}
"""{private package name: (root, {file: sha256})}"""


def import_factory(
    root: Path, files: Mapping[str, str], digest: str, factory: str, *, field: str = "factory"
) -> Callable[..., Any]:
    """The function that `factory` ("file:function") names in the package; `field` of model.yaml says so.

    The package is importable under a private name made of its digest, so its files may import each other
    relatively (`from .layers import Gate`), two packages may both hold a model.py, and neither shadows anything.

    Raises:
        ModelError: when the file cannot be imported, has changed since the package was opened, or lacks the function.
    """
    file, function = factory.split(":")
    name = _PREFIX + digest.removeprefix("sha256:")
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    _sources[name] = (root, dict(files))
    package = sys.modules.setdefault(name, ModuleType(name, "A model package."))
    package.__spec__ = ModuleSpec(name, None, is_package=True)
    # Two folders with one digest are one package; the one opened last is surely there.
    package.__path__ = [str(root)]
    try:
        module = importlib.import_module(f"{name}.{file}")
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"{field}: '{root / file}.py' cannot be imported: {type(error).__name__}: {_line(error)}"
        ) from error
    builder = getattr(module, function, None)
    if not callable(builder):
        public = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        hint = suggest(function, public, noun="functions")
        raise ModelError(f"{field}: '{root / file}.py' has no function '{function}'{hint}")
    return builder  # type: ignore[no-any-return]


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


class DigestedLoader(SourceFileLoader):
    """Compiles the source, always: bytecode is no part of the digest, so it is neither read nor written."""

    def __init__(self, fullname: str, path: str, files: Mapping[Path, str]) -> None:
        super().__init__(fullname, path)
        self._files = files

    def get_code(self, fullname: str) -> CodeType:
        """The compiled module.

        Raises:
            ModelError: if the file is not the one that was digested.
        """
        del fullname
        path = Path(self.path)
        source = path.read_bytes()
        if hashlib.sha256(source).hexdigest() != self._files.get(path):
            raise ModelError(f"'{path}' has changed since the model package was opened; run again")
        return self.source_to_code(source, self.path)


class _Finder:
    """Finds the modules of model packages, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del target
        known = _sources.get(fullname.split(".")[0])
        if not path or known is None:
            return None
        root, files = known
        expected = {root / name: digest for name, digest in files.items()}
        loader: Any = partial(DigestedLoader, files=expected)
        return FileFinder(next(iter(path)), (loader, [".py"])).find_spec(fullname)
