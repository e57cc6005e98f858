"""Every format a model can be stored in: who loads it, what it needs, and what reading it may run."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from ig_tasks.errors import ModelError

__all__ = ["FORMATS", "Format", "FormatName", "Framework", "detect", "format_of_name", "pickled_weights"]

Framework = Literal["torch", "tensorflow"]
FormatName = Literal[
    "safetensors", "state_dict", "export", "module", "torchscript", "transformers",
    "keras", "h5", "weights_h5", "saved_model",
]  # fmt: skip

Runs = Literal["nothing", "a program", "a pickle"]


@dataclass(frozen=True)
class Format:
    """One format. `runs`: what reading it may run, beside a factory that comes with it.

    "a program" runs where the project's own code does; "a pickle" runs whatever it likes, so that it always needs
    `trust`. Numbers (safetensors, Keras in safe mode) run nothing.
    """

    framework: Framework
    loader: str  # module of loaders/
    needs: tuple[str, ...]  # modules that have to be installed
    extra: str  # the extra of ig-tasks that installs them
    factory: bool = False  # whether it holds numbers only, so that code has to build the model
    runs: Runs = "nothing"
    suffixes: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    "safetensors": Format("torch", "torch", ("torch", "safetensors"), "torch", True, suffixes=(".safetensors",)),
    # Read by torch's restricted unpickler; it has been got round before, so it does not count as numbers.
    "state_dict": Format("torch", "torch", ("torch",), "torch", True, "a program", (".pt", ".pth")),
    # torch.export falls back to an unrestricted pickle for what it does not know, and evaluates shapes as text.
    "export": Format("torch", "exported", ("torch",), "torch", runs="a program", suffixes=(".pt2",)),
    "module": Format("torch", "pickled", ("torch",), "torch", runs="a pickle"),
    # TorchScript is a program: it may read and write files.
    "torchscript": Format("torch", "torchscript", ("torch",), "torch", runs="a program", suffixes=(".ts",)),
    "transformers": Format("torch", "huggingface", ("torch", "transformers"), "huggingface"),
    "keras": Format("tensorflow", "keras", ("tensorflow", "keras"), "tensorflow", suffixes=(".keras",)),
    "h5": Format("tensorflow", "keras", ("tensorflow", "keras"), "tensorflow", suffixes=(".h5", ".hdf5")),
    "weights_h5": Format(
        "tensorflow", "keras", ("tensorflow", "keras"), "tensorflow", True, suffixes=(".weights.h5", ".h5")
    ),
    # A TensorFlow graph is a program: it may read and write files.
    "saved_model": Format("tensorflow", "saved_model", ("tensorflow", "keras"), "tensorflow", runs="a program"),
}

assert tuple(FORMATS) == get_args(FormatName)  # noqa: S101 - the two lists are one


def format_of_name(name: str, framework: str, *, factory: bool) -> str:
    """The format that a file's name says, "" where it says none (a folder, for one)."""
    file = PurePosixPath(name).name
    for known, form in FORMATS.items():
        if form.framework != framework or not file.endswith(form.suffixes or ("/",)):
            continue
        if known == "h5" and (factory or file.endswith(".weights.h5")):
            continue
        return known
    return ""


def detect(path: Path) -> str:
    """The format of a file or folder, by its content where that says more than the name; "" for an unknown format."""
    if path.is_dir():
        if (path / "saved_model.pb").is_file() or (path / "saved_model.pbtxt").is_file():
            return "saved_model"
        return "transformers" if (path / "config.json").is_file() else ""
    for framework in get_args(Framework):
        name = format_of_name(path.name, framework, factory=False)
        if name:
            return _of_archive(path) if name == "state_dict" else name
    return _of_archive(path) if path.suffix == ".bin" else ""


def _of_archive(path: Path) -> str:
    """A .pt file is TorchScript, an exported program, or a pickle: of a module, or of numbers for one."""
    if not zipfile.is_zipfile(path):
        return "module"
    with zipfile.ZipFile(path) as archive:
        names = [name.partition("/")[2] for name in archive.namelist()]
    if any(name.startswith("code/") for name in names) and "constants.pkl" in names:
        return "torchscript"
    return "export" if "archive_format" in names else "module"


def pickled_weights(folder: Path) -> list[str]:
    """Weights of a Hugging Face folder that are pickles, where safetensors are absent.

    Raises:
        ModelError: for a folder without weights.
    """
    if list(folder.glob("*.safetensors")):
        return []
    pickles = sorted(path.name for path in folder.glob("pytorch_model*.bin"))
    if not pickles:
        raise ModelError(f"weights: '{folder}' holds neither model.safetensors nor pytorch_model.bin")
    return pickles
