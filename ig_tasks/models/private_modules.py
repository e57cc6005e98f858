"""Code that came with a pickle: importable by its own names, by the model that it came with alone."""

from __future__ import annotations

import builtins
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.machinery import FileFinder, ModuleSpec
from pathlib import Path, PurePosixPath
from threading import RLock
from types import ModuleType
from typing import Any

from ig_tasks.models.code import DigestedLoader

__all__ = ["PrivateModules"]


class PrivateModules:
    """The modules in `folders` ({folder: {file below it: sha256}}), importable inside `with code.importable():`.

    A pickle names its classes by module, so that these cannot have names of our own, as a factory's have; and two
    versions of a model may both hold a net.py. Each model therefore keeps its modules to itself: they stand in
    sys.modules while they are importable, whatever had their names before is back there afterwards, and what a model
    imports later, while it runs, is found as well. Python's own modules, and those that are installed, keep theirs.

    Raises ModelError, at the import, for a file that has changed since it was digested.
    """

    def __init__(self, folders: Mapping[Path, Mapping[str, str]]) -> None:
        self._folders = list(folders)
        self._files = {folder / name: digest for folder, known in folders.items() for name, digest in known.items()}
        code = [PurePosixPath(name) for known in folders.values() for name in known if name.endswith(".py")]
        tops = {path.parts[0].removesuffix(".py") for path in code}
        self._names = {name for name in tops if not _installed(name)}
        self._modules: dict[str, ModuleType] = {}
        self._inside = False

    @contextmanager
    def importable(self) -> Iterator[None]:
        """Meanwhile these modules are imported by their names."""
        with _one_at_a_time:
            if self._inside:
                yield
                return
            before = self._remove_loaded()
            sys.modules.update(self._modules)
            sys.meta_path.insert(0, self)
            self._inside = True
            try:
                yield
            finally:
                self._inside = False
                sys.meta_path.remove(self)
                self._modules = self._remove_loaded()
                sys.modules.update(before)

    def _remove_loaded(self) -> dict[str, ModuleType]:
        """The modules that have these names now, out of sys.modules."""
        modules = {name: module for name, module in sys.modules.items() if self._is_own(name)}
        for name in modules:
            del sys.modules[name]
        return modules

    def _is_own(self, name: str) -> bool:
        return name.partition(".")[0] in self._names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As a finder of sys.meta_path."""
        del target
        loader: Any = partial(_Loader, files=self._files, owner=self)
        for place in (self._folders if path is None else path) if self._is_own(fullname) else ():
            spec = FileFinder(str(place), (loader, [".py"])).find_spec(fullname)
            if spec is not None:
                return spec
        return None

    def import_for(self, name: str, *others: Any, **more: Any) -> Any:
        """What `import` does in these modules."""
        level = more.get("level", others[3] if len(others) > 3 else 0)
        if not level and not self._is_own(name):
            return builtins.__import__(name, *others, **more)
        with self.importable():
            return builtins.__import__(name, *others, **more)


_one_at_a_time = RLock()


class _Loader(DigestedLoader):
    """Gives a module an `import` that finds the modules which came with it, whenever it is run."""

    def __init__(self, fullname: str, path: str, files: Mapping[Path, str], owner: PrivateModules) -> None:
        super().__init__(fullname, path, files)
        self._owner = owner

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._owner.import_for}
        super().exec_module(module)


def _installed(name: str) -> bool:
    """Whether it is Python's own, or was imported from where packages are installed."""
    if name in sys.stdlib_module_names or name in sys.builtin_module_names:
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return file is not None and any(Path(file).is_relative_to(place) for place in places)
