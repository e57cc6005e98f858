"""model.yaml: what a model package says of itself."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import ModelError, TargetError, suggest

__all__ = ["FILE", "Card", "ModelConfig", "TargetConfig", "read_config"]

FILE = "model.yaml"

_FORMATS = {
    "torch": {".safetensors": "safetensors", ".pt": "state_dict", ".pth": "state_dict"},
    "tensorflow": {".keras": "keras", ".h5": "weights_h5"},
}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TargetConfig(_Strict):
    """One output of the model.

    `output` is the column of the model's output, or the name of one of several outputs; without it the model
    has a single output. `space` says what the number is: "logit" is the log-odds of a binary outcome.
    """

    output: int | str | None = None
    space: str = Field(default="value", pattern=r"^[a-z][a-z0-9_]*$")


class Card(BaseModel):
    """What a reader of the report needs to know of the model; further keys (test figures) are kept as they are."""

    model_config = ConfigDict(frozen=True, extra="allow", coerce_numbers_to_str=True)

    name: str = ""
    version: str = ""
    owner: str = ""
    intended_use: str = ""


class ModelConfig(_Strict):
    """The content of model.yaml.

    `factory` is "file:function" of the package: a function that takes `arguments` and returns the model
    without its weights. torch needs one; Keras does only for bare weights (`.weights.h5`), since a `.keras` file
    holds the model. `format` follows from the suffix of `weights` when it is left out.
    """

    version: Literal[1] = 1
    framework: Literal["torch", "tensorflow"]
    factory: str | None = Field(default=None, pattern=r"^[A-Za-z_]\w*:[A-Za-z_]\w*$")
    arguments: dict[str, Any] = Field(default_factory=dict)
    weights: str
    format: Literal["safetensors", "state_dict", "keras", "weights_h5"] | None = None
    inputs: dict[str, InputSpec] = Field(min_length=1)
    targets: dict[str, TargetConfig] = Field(min_length=1)
    card: Card = Card()

    @field_validator("weights")
    @classmethod
    def _inside(cls, value: str) -> str:
        _relative(value)
        return value

    @model_validator(mode="after")
    def _fits(self) -> ModelConfig:
        formats = _FORMATS[self.framework]
        if self.file_format not in formats.values():
            raise ValueError(
                f"format: {self.framework} reads {', '.join(dict.fromkeys(formats.values()))}"
                f" (weights ending in {', '.join(formats)}), not '{self.format or self.weights}'"
            )
        if self.factory is None and self.file_format != "keras":
            raise ValueError(f"factory: '{self.weights}' holds numbers only; name the code, such as `model:build`")
        if self.factory is not None and self.file_format == "keras":
            raise ValueError("factory: a .keras file holds the model; remove the factory")
        return self

    @property
    def file_format(self) -> str:
        """The format given, else that of the suffix of `weights`, else ""."""
        return self.format or _FORMATS[self.framework].get(PurePosixPath(self.weights).suffix, "")

    def choose_target(self, target: str | int | None, space: str | None) -> tuple[str, TargetConfig, str]:
        """The target's name, what it is, and the space to explain it in.

        `target` is a name or an output column; None means the only one. `space` None means the declared one; a
        "logit" can also be explained as "probability".

        Raises TargetError, and ModelError for a space that the target cannot be turned into.
        """
        name, config = self._target(target)
        spaces = [config.space, *(["probability"] if config.space == "logit" else [])]
        if space is not None and space not in spaces:
            raise ModelError(f"target '{name}' has no space '{space}'{suggest(space, spaces, noun='spaces')}")
        return name, config, space or config.space

    def _target(self, target: str | int | None) -> tuple[str, TargetConfig]:
        if target is None:
            if len(self.targets) > 1:
                raise TargetError(f"the model has several targets, choose one; targets: {', '.join(self.targets)}")
            return next(iter(self.targets.items()))
        if isinstance(target, str) and target in self.targets:
            return target, self.targets[target]
        for name, config in self.targets.items():
            if not isinstance(target, str) and config.output == target:
                return name, config
        raise TargetError(
            f"target '{target}' is not an output of the model{suggest(str(target), self.targets, noun='targets')}"
        )

    @property
    def runs_code(self) -> bool:
        """Whether loading runs code, or a pickle, that came with the package."""
        return self.factory is not None or self.file_format == "state_dict"


def read_config(root: Path) -> ModelConfig:
    """The model.yaml of the package in the folder `root`, with vocabularies read from their files.

    Raises ModelError, one line that names the field, for anything that is absent or not valid.
    """
    path = root / FILE
    if not path.is_file():
        raise ModelError(f"no model package at '{root}': it holds no {FILE}")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelError(f"'{path}' is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise ModelError(f"'{path}' is not a mapping of keys such as framework, weights, inputs, targets")
    inputs = data.get("inputs")
    if isinstance(inputs, dict):
        files: dict[str, Any] = {}
        data["inputs"] = {name: _with_vocabulary(root, str(name), one, files) for name, one in inputs.items()}
    try:
        config = ModelConfig.model_validate(data)
    except ValidationError as error:
        raise ModelError(f"'{path}': {_first(error)}") from error
    if not (root / config.weights).is_file():
        raise ModelError(f"'{path}': weights: the package holds no file '{config.weights}'")
    if config.factory and not (root / f"{config.factory.split(':')[0]}.py").is_file():
        raise ModelError(f"'{path}': factory: the package holds no file '{config.factory.split(':')[0]}.py'")
    return config


def _relative(value: str) -> PurePosixPath:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\\" in value or not path.name:
        raise ValueError(f"'{value}' is not the name of a file inside the package")
    return path


def _with_vocabulary(root: Path, name: str, one: Any, files: dict[str, Any]) -> Any:
    """A vocabulary that is a file's name becomes its content: a JSON list, or {input name: list}."""
    if not isinstance(one, dict) or not isinstance(one.get("vocabulary"), str):
        return one
    file = one["vocabulary"]
    where = f"'{root / FILE}': inputs.{name}.vocabulary:"
    try:
        if file not in files:
            files[file] = json.loads((root / _relative(file)).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{where} the package holds no file '{file}'") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{where} '{file}' cannot be read as JSON: {error}") from error
    content = files[file]
    if isinstance(content, dict):
        if name not in content:
            raise ModelError(f"{where} '{file}' has no list '{name}'{suggest(name, content, noun='lists')}")
        content = content[name]
    if not isinstance(content, list):
        raise ModelError(f"{where} '{file}' holds no list of categories for '{name}'")
    return {**one, "vocabulary": content}


_LEVELS: dict[str, type[BaseModel]] = {"inputs": InputSpec, "targets": TargetConfig}


def _first(error: ValidationError) -> str:
    """The first fault, as one line: the field, what is wrong with it, what would be right."""
    found = error.errors(include_url=False)
    fault = found[0]
    where = [str(part) for part in fault["loc"]]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    if fault["type"] == "extra_forbidden":
        model = ModelConfig if len(where) == 1 else _LEVELS[where[0]]
        text = f"unknown key{suggest(where[-1], model.model_fields, noun='keys')}"
    elif fault["type"] == "missing":
        text = "is missing"
    else:
        text = str(fault["msg"]).removeprefix("Value error, ")
    return f"{'.'.join(where)}: {text}{more}" if where else f"{text}{more}"
