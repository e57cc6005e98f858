"""model.yaml: what a model package says of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ig_tasks.data.inputs import InputSpec, check_inputs
from ig_tasks.data.preprocessed import from_preprocess
from ig_tasks.errors import ModelError, TargetError, suggest
from ig_tasks.models.loss import is_loss, loss_of
from ig_tasks.models.outputs import Selection
from ig_tasks.models.package_formats import FORMATS, FormatName, Framework, format_of_name
from ig_tasks.models.referenced_files import FILE, relative_path, with_parameters, with_tokenizer, with_vocabulary
from ig_tasks.models.spaces import spaces_of
from ig_tasks.models.target_config import Chosen, Target, TargetConfig
from ig_tasks.spec.messages import first_error
from ig_tasks.spec.uris import Uri, cut_secrets
from ig_tasks.spec.written import load_yaml

__all__ = ["FILE", "Card", "ModelConfig", "TargetConfig", "read_config"]

_URI = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*:/")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Card(BaseModel):
    """What a reader of the report needs to know of the model; further keys (test figures) are kept as they are.

    Secrets of links in it are cut, since all of it is shown.
    """

    model_config = ConfigDict(frozen=True, extra="allow", coerce_numbers_to_str=True)

    name: str = ""
    version: str = ""
    owner: str = ""
    intended_use: str = ""

    @model_validator(mode="before")
    @classmethod
    def _without_secrets(cls, data: Any) -> Any:
        return cut_secrets(data)


class ModelConfig(_Strict):
    """The content of model.yaml.

    `weights` is a file or a folder of the package, or a URI of either. `format` (see `formats`) follows from its
    suffix, or from what the folder holds, when it is left out. `factory` is "file:function" of the package: a function
    that takes `arguments` and returns the model without its weights, for formats that hold numbers only.
    """

    version: Literal[1] = 1
    framework: Framework
    factory: str | None = Field(default=None, pattern=r"^[A-Za-z_]\w*:[A-Za-z_]\w*$")
    arguments: dict[str, Any] = Field(default_factory=dict)
    weights: Uri
    format: FormatName | None = None
    preprocess: str | None = Field(default=None, pattern=r"^[A-Za-z_]\w*:[A-Za-z_]\w*$")
    """"file:function" of the package: a table into {input: array} of the inputs of kind "array"."""
    inputs: dict[Uri, InputSpec] = Field(min_length=1)
    targets: dict[Uri, TargetConfig] = Field(min_length=1)
    card: Card = Card()

    @field_validator("weights")
    @classmethod
    def _check_path(cls, value: str) -> str:
        if not _URI.match(value):
            relative_path(value)
        return value

    @model_validator(mode="after")
    def _check_format(self) -> ModelConfig:
        name = self.file_format
        if not name and (self.remote or not PurePosixPath(self.weights).suffix):
            return self  # what a folder holds is seen when it is there
        known = {
            format_name: FORMATS[format_name]
            for format_name in FORMATS
            if FORMATS[format_name].framework == self.framework
        }
        if name not in known:
            suffixes = dict.fromkeys(suffix for format_name in known.values() for suffix in format_name.suffixes)
            raise ValueError(
                f"format: {self.framework} reads {', '.join(known)}"
                f" (weights ending in {', '.join(suffixes)}), not '{self.format or self.weights}'"
            )
        if self.factory is None and known[name].factory:
            raise ValueError(f"factory: '{self.weights}' holds numbers only; name the code, such as `model:build`")
        if self.factory is not None and not known[name].factory:
            reason = f"a {'.keras' if name == 'keras' else name} file holds the model"
            raise ValueError(f"factory: {reason}; remove the factory")
        return self

    @model_validator(mode="after")
    def _inputs_fit(self) -> ModelConfig:
        check_inputs(self.inputs)
        made = [name for name, spec in self.inputs.items() if from_preprocess(spec)]
        if made and self.preprocess is None:
            kind = self.inputs[made[0]].kind
            raise ValueError(
                f"preprocess: input '{made[0]}' of kind '{kind}' comes from code; name it, `prepare:encode`"
            )
        if self.preprocess is not None and not made:
            raise ValueError("preprocess: no input comes from it; give one `kind: array`, or leave it out")
        return self

    @property
    def file_format(self) -> str:
        """The format given, else that of the suffix of `weights`, else ""."""
        return self.format or format_of_name(self.weights, self.framework, factory=self.factory is not None)

    @property
    def remote(self) -> bool:
        """Whether `weights` is a URI: its files are not in the package's folder."""
        return _URI.match(self.weights) is not None

    def of_format(self, name: str) -> ModelConfig:
        """The same with the format that its weights were found to have; checked. Raises ValueError."""
        return ModelConfig.model_validate(
            {**{key: getattr(self, key) for key in type(self).model_fields}, "format": name}
        )

    def choose_target(self, target: Chosen, space: str | None) -> Target:
        """The target that is meant, in the space to explain it in.

        `target` is a name or an output column, or a selection {head, position, column} of the model's numbers as they
        are; None means the only one. `space` None means the declared one; the others are in
        `ig_tasks.models.spaces`.

        Raises:
            TargetError, ModelError: for a space that the target cannot be turned into.
        """
        name, config = self._target(target)
        if is_loss(space) and space != config.space:
            return Target(name, config, loss_of(config))
        spaces = spaces_of(config)
        if space is not None and space not in spaces:
            raise ModelError(f"target '{name}' has no space '{space}'{suggest(space, spaces, noun='spaces')}")
        return Target(name, config, space or config.space)

    def _target(self, target: Chosen) -> tuple[str, TargetConfig]:
        if isinstance(target, Mapping):
            for key in target:
                if key not in Selection.model_fields:
                    raise TargetError(
                        f"target.{key}: no such key{suggest(str(key), Selection.model_fields, noun='keys')}"
                    )
            try:
                chosen = Selection.model_validate(dict(target))
            except ValidationError as error:
                raise TargetError(f"target.{first_error(error, Selection)}") from error
            return ", ".join(f"{key} {value}" for key, value in target.items()), TargetConfig(output=chosen)
        if target is None:
            if len(self.targets) > 1:
                raise TargetError(f"the model has several targets, choose one; targets: {', '.join(self.targets)}")
            return next(iter(self.targets.items()))
        if isinstance(target, str) and target in self.targets:
            return target, self.targets[target]
        for name, config in self.targets.items():
            if not isinstance(target, str) and config.column == target:
                return name, config
        raise TargetError(
            f"target '{target}' is not an output of the model{suggest(str(target), self.targets, noun='targets')}"
        )

    @property
    def runs_code(self) -> bool:
        """Whether loading runs code, or a pickle, that came with the package."""
        return self.factory is not None or self.preprocess is not None or self.runs != "nothing"

    @property
    def runs(self) -> str:
        """What reading the weights may run: "nothing", "a program" or "a pickle"."""
        return FORMATS[self.file_format].runs if self.file_format else "nothing"


def read_config(root: Path) -> ModelConfig:
    """The model.yaml of the package in the folder `root`, with vocabularies read from their files.

    Raises:
        ModelError: one line that names the field, for anything that is absent or not valid.
    """
    path = root / FILE
    if not path.is_file():
        raise ModelError(f"no model package at '{root}': it holds no {FILE}")
    try:
        data = load_yaml(path.read_text(encoding="utf-8"), ModelConfig)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelError(f"'{path}' is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise ModelError(f"'{path}' is not a mapping of keys such as framework, weights, inputs, targets")
    inputs = data.get("inputs")
    if isinstance(inputs, dict):
        files: dict[str, Any] = {}
        inputs = {name: with_vocabulary(root, str(name), section, files) for name, section in inputs.items()}
        data["inputs"] = {name: with_tokenizer(root, str(name), section) for name, section in inputs.items()}
    targets = data.get("targets")
    if isinstance(targets, dict):
        data["targets"] = {name: with_parameters(root, str(name), section) for name, section in targets.items()}
    try:
        config = ModelConfig.model_validate(data)
    except ValidationError as error:
        raise ModelError(f"'{path}': {first_error(error, ModelConfig)}") from error
    if not config.remote and not (root / config.weights).exists():
        raise ModelError(f"'{path}': weights: the package holds no file '{config.weights}'")
    for field, code in (("factory", config.factory), ("preprocess", config.preprocess)):
        if code and not (root / f"{code.split(':')[0]}.py").is_file():
            raise ModelError(f"'{path}': {field}: the package holds no file '{code.split(':')[0]}.py'")
    return config
