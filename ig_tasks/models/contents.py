"""What a model package holds, once read: its files, its model.yaml, and the rows of a table as its model takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ig_tasks.data.encoding import Encoded, Preprocess, encode
from ig_tasks.data.features import Feature, features_of
from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import ModelError
from ig_tasks.models.code import import_factory
from ig_tasks.models.config import FILE, ModelConfig, TargetConfig
from ig_tasks.models.digest import Stamp, file_digest, stamp_of
from ig_tasks.models.loss import LabelColumn, with_outcomes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Feature", "PackageContents"]


@dataclass(frozen=True)
class PackageContents:
    """A package that is on this machine and was read; `ModelPackage` is one that may be loaded."""

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
    stamps: Mapping[Path, Stamp] = field(default_factory=dict, repr=False)
    """{file: its stamp before it was digested}"""
    label: LabelColumn | None = None
    """The column of outcomes, where the loss of each row at its outcome is explained."""
    bare: bool = False
    """Whether it is an artifact without model.yaml: it has no columns, and its inputs are known once it is loaded."""

    def __repr__(self) -> str:
        digest = self.digest[: len("sha256:") + 12]
        return f"{type(self).__name__}({self.uri!r}, {digest}, inputs: {', '.join(self.config.inputs)})"

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """What the report speaks of, most often one for every column, in the order of the inputs."""
        return features_of(self.config.inputs)

    @property
    def columns(self) -> list[str]:
        """The columns that are read of rows to explain: the model's, and that of outcomes where their loss is."""
        return list(dict.fromkeys([*self.input_columns, *([self.label.column] if self.label else [])]))

    @property
    def input_columns(self) -> list[str]:
        """The columns that the model reads, each once, in the order of the inputs."""
        return list(dict.fromkeys(column for spec in self.config.inputs.values() for column in spec.columns))

    def encode(self, frame: pd.DataFrame) -> Encoded:
        """Rows of a table as the model takes them, by the package's own `preprocess` where it has one.

        With `label`, a table that has the column of outcomes has them among `fixed`.

        Raises:
            DataError: for a column that is absent or holds something else.
            ModelError: for code that fails.
        """
        encoded = encode(frame, self.config.inputs, preprocess=self.preprocess)
        if self.label is None or self.label.column not in frame:
            return encoded
        return with_outcomes(encoded, self.label.read(frame[self.label.column]), self.label.column)

    @property
    def preprocess(self) -> Preprocess | None:
        """The package's own code for inputs of kind "array", imported; None where it has none.

        Raises:
            ModelError: for code that cannot be imported.
        """
        named = self.config.preprocess
        if named is None:
            return None
        return import_factory(self.root, self.files, self.digest, named, field="preprocess")

    def require_same(self) -> None:
        """Refuse a package whose files are not those that were digested; a file is read if its stamp differs.

        Raises:
            ModelError: naming the file.
        """
        for path, digest in self._digested.items():
            try:
                same = stamp_of(path) == self.stamps.get(path) or file_digest(path) == digest
            except OSError:
                same = False
            if not same:
                raise ModelError(f"model package '{self.uri}': '{path.name}' changed since it was opened; run again")

    @property
    def _digested(self) -> dict[Path, str]:
        """{file: sha256 of its content} of the package's folder and of its weights."""
        base = self.weights if self.weights.is_dir() else self.weights.parent
        package = {self.root / name: digest for name, digest in self.files.items()} if FILE in self.files else {}
        return package | {base / name: digest for name, digest in self.weight_files.items()}

    def described(self, inputs: Mapping[str, InputSpec], outputs: Sequence[str] = ()) -> Self:
        """A bare artifact with what its signature says of its inputs and outputs; a package as it is."""
        if not self.bare:
            return self
        targets = {name: TargetConfig(output=name) for name in outputs} if len(outputs) > 1 else self.config.targets
        config = self.config.model_copy(update={"inputs": dict(inputs), "targets": targets})
        return replace(self, config=config)
