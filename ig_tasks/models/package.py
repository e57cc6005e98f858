"""A model package: a folder with model.yaml, weights, and the code or vocabularies that go with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ig_tasks.data.encoding import Encoded, encode
from ig_tasks.data.features import Feature, features_of
from ig_tasks.errors import ModelError, TrustError
from ig_tasks.models.cache import is_local, local_folder
from ig_tasks.models.code import import_factory
from ig_tasks.models.config import ModelConfig, read_config
from ig_tasks.models.digest import digest_of

if TYPE_CHECKING:
    import pandas as pd

    from ig_tasks.models.loaded import LoadedModel

__all__ = ["Feature", "ModelPackage", "load_model", "open_package"]


_LOADERS = {"torch": ("torch", ("torch", "safetensors")), "tensorflow": ("keras", ("tensorflow", "keras"))}
"""{framework: (module of loaders/, what has to be installed)}; an extra of ig-tasks has the framework's name"""


@dataclass(frozen=True)
class ModelPackage:
    """A package that is on this machine, was read, and may be loaded."""

    uri: str
    root: Path
    digest: str
    config: ModelConfig
    files: dict[str, str] = field(repr=False)
    """{relative name: sha256 of the content}"""

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """What the report speaks of, most often one for every column, in the order of the inputs."""
        return features_of(self.config.inputs)

    @property
    def columns(self) -> list[str]:
        """The columns that the model reads, each once, in the order of the inputs."""
        return list(dict.fromkeys(column for spec in self.config.inputs.values() for column in spec.columns))

    def encode(self, frame: pd.DataFrame) -> Encoded:
        """Rows of a table as the model takes them, by the package's own `preprocess` where it has one.

        Raises DataError for a column that is absent or holds something else, ModelError for code that fails.
        """
        named = self.config.preprocess
        if named is None:
            return encode(frame, self.config.inputs)
        code = import_factory(self.root, self.files, self.digest, named, field="preprocess")
        return encode(frame, self.config.inputs, preprocess=code)

    def load(self, device: str | None = None) -> LoadedModel:
        """The model with its weights, ready to be evaluated and differentiated, on `device` ("cpu" if None).

        Raises ModelError (the framework is not installed, the code fails, the weights do not fit) and
        LayerError (an input names a layer that is not there).
        """
        loader, modules = _LOADERS[self.config.framework]
        for module in modules:
            if find_spec(module) is None:
                raise ModelError(
                    f"model package '{self.uri}' needs {module}, which is not installed;"
                    f" pip install 'ig-tasks[{self.config.framework}]'"
                )
        loaded: LoadedModel = import_module(f"ig_tasks.models.loaders.{loader}").load(self, device or "cpu")
        return loaded


def open_package(uri: str | Path, *, trust: str | None = None, trusted_root: str | Path | None = None) -> ModelPackage:
    """Read a package without importing a framework or running code.

    A package whose loading runs code is accepted when it lies under `trusted_root` (the project whose specs
    it is used by), or when `trust` is its digest. A `trust` that is given must fit in any case.

    Raises ModelError (no such package, invalid model.yaml) and TrustError.
    """
    root, files = local_folder(str(uri))
    config = read_config(root)
    package = ModelPackage(uri=str(uri), root=root, digest=digest_of(files), config=config, files=files)
    if trust is not None and trust != package.digest:
        raise TrustError(
            f"model package '{uri}' is not the one that the spec trusts: it has changed, or is another one; read"
            f" it, then set `trust: {package.digest}` under `model`"
        )
    if trust is None and config.runs_code and not _inside(str(uri), root, trusted_root):
        raise TrustError(
            f"model package '{uri}' runs code and lies outside the project; if you trust it, add"
            f" `trust: {package.digest}` under `model`"
        )
    return package


def load_model(
    uri: str | Path,
    *,
    trust: str | None = None,
    trusted_root: str | Path | None = None,
    device: str | None = None,
) -> LoadedModel:
    """Open a package and load its model; for notebooks.

    Code under `trusted_root` may run; it is the working folder unless given, as for Python's own imports.
    """
    return open_package(uri, trust=trust, trusted_root=trusted_root or Path.cwd()).load(device)


def _inside(uri: str, root: Path, trusted_root: str | Path | None) -> bool:
    # The copy of a remote package may well lie inside the project, with the cache: that says nothing of its source.
    local = is_local(uri) and trusted_root is not None
    return local and root.is_relative_to(Path(trusted_root or "").resolve())
