"""A model package: a folder with model.yaml, weights, and the code or vocabularies that go with them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ig_tasks.errors import ModelError
from ig_tasks.models.contents import PackageContents
from ig_tasks.models.digest import file_digest, file_digests
from ig_tasks.models.package_formats import FORMATS

if TYPE_CHECKING:
    from ig_tasks.models.loaded import LoadedModel

__all__ = ["ModelPackage"]


@dataclass(frozen=True, repr=False)
class ModelPackage(PackageContents):
    """A package that is on this machine, was read, and may be loaded."""

    def load(self, device: str | None = None) -> LoadedModel:
        """The model with its weights, ready to be evaluated and differentiated, on `device` ("cpu" if None).

        Raises:
            ModelError: if the framework is not installed, the code fails, the weights do not fit, or a file is not the
                one that was digested.
            LayerError: if an input names a layer that does not exist.
        """
        known = FORMATS[self.config.file_format]
        for module in known.needs:
            if find_spec(module) is None:
                raise ModelError(
                    f"model package '{self.uri}' needs {module}, which is not installed;"
                    f" pip install 'ig-tasks[{known.extra}]'"
                )
        if self.runs != "nothing":
            self._require_unchanged()
        loaded: LoadedModel = import_module(f"ig_tasks.models.loaders.{known.loader}").load(self, device or "cpu")
        self.require_same()
        return loaded

    def _require_unchanged(self) -> None:
        """What was trusted is what is read: a program or a pickle is digested again right before."""
        is_file = self.weights.is_file()
        digests = {self.weights.name: file_digest(self.weights)} if is_file else file_digests(self.weights)
        if digests != self.weight_files:
            raise ModelError(f"'{self.weights}' has changed since the model package was opened; run again")
