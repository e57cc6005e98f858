"""A model package: a folder with model.yaml, weights, and the code or vocabularies that go with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ig_tasks.data.encoding import Encoded, Preprocess, encode
from ig_tasks.data.features import Feature, features_of
from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import ModelError
from ig_tasks.models.code import import_factory
from ig_tasks.models.config import ModelConfig, TargetConfig
from ig_tasks.models.digest import file_digest, file_digests
from ig_tasks.models.formats import FORMATS

if TYPE_CHECKING:
    import pandas as pd

    from ig_tasks.models.loaded import LoadedModel

__all__ = ["Feature", "ModelPackage"]


@dataclass(frozen=True)
class ModelPackage:
    """A package that is on this machine, was read, and may be loaded."""

    uri: str
    root: Path
    digest: str
    config: ModelConfig
    files: dict[str, str] = field(repr=False)
    """{relative name: sha256 of the content}"""
    weights: Path
    """The file or folder that holds the model, or the numbers for it: of the package, or copied from a URI."""
    weight_files: dict[str, str] = field(repr=False)
    """{name below `weights`: sha256 of the content}"""
    runs: str = "nothing"
    """What reading `weights` may run: "nothing", "a program" or "a pickle"."""
    bare: bool = False
    """Whether it is an artifact without model.yaml: it has no columns, and its inputs are known once it is loaded."""

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
        return encode(frame, self.config.inputs, preprocess=self.preprocess)

    @property
    def preprocess(self) -> Preprocess | None:
        """The package's own code for inputs of kind "array", imported; None where it has none.

        Raises ModelError for code that cannot be imported.
        """
        named = self.config.preprocess
        if named is None:
            return None
        return import_factory(self.root, self.files, self.digest, named, field="preprocess")

    def load(self, device: str | None = None) -> LoadedModel:
        """The model with its weights, ready to be evaluated and differentiated, on `device` ("cpu" if None).

        Raises ModelError (the framework is not installed, the code fails, the weights do not fit) and
        LayerError (an input names a layer that is not there).
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
        return loaded

    def described(self, inputs: Mapping[str, InputSpec], outputs: Sequence[str] = ()) -> ModelPackage:
        """A bare artifact with what its signature says of its inputs and outputs; a package as it is."""
        if not self.bare:
            return self
        targets = {name: TargetConfig(output=name) for name in outputs} if len(outputs) > 1 else self.config.targets
        config = self.config.model_copy(update={"inputs": dict(inputs), "targets": targets})
        return replace(self, config=config)

    def _require_unchanged(self) -> None:
        """What was trusted is what is read: a program or a pickle is digested again right before."""
        one = self.weights.is_file()
        found = {self.weights.name: file_digest(self.weights)} if one else file_digests(self.weights)
        if found != self.weight_files:
            raise ModelError(f"'{self.weights}' has changed since the model package was opened; run again")
