"""Hugging Face folders (config.json and weights): the task's own model class, offline, its logits as the output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - this module is imported when a torch model is loaded, never before

from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import ModelError, suggest
from ig_tasks.models.loaders.facade import Facade
from ig_tasks.models.loaders.torch import TorchModel, finished
from ig_tasks.models.package_formats import pickled_weights

if TYPE_CHECKING:
    from ig_tasks.models.contents import PackageContents

__all__ = ["load"]

_HEADS = {
    "ForSequenceClassification": "AutoModelForSequenceClassification",
    "ForTokenClassification": "AutoModelForTokenClassification",
    "ForQuestionAnswering": "AutoModelForQuestionAnswering",
    "ForMaskedLM": "AutoModelForMaskedLM",
    "LMHeadModel": "AutoModelForCausalLM",
    "ForCausalLM": "AutoModelForCausalLM",
    "ForImageClassification": "AutoModelForImageClassification",
    "ForAudioClassification": "AutoModelForAudioClassification",
}
"""{end of an architecture's name: the class of transformers that loads it, where it does not have that very one}"""

_NAMED = {"ForQuestionAnswering": ("start_logits", "end_logits")}
"""{end of an architecture's name: its outputs, where there are several}"""

_MEDIA = ("pixel_values", "input_features", "input_values", "input_ids")
_LENGTH = 128


def load(package: PackageContents, device: str) -> TorchModel:
    """The model on `device`, called with input_ids, attention_mask, ... or pixel_values; it returns logits.

    No code that came with the folder runs, nothing is asked of the network, and pickled weights are read by torch's
    restricted unpickler.

    Raises:
        ModelError: for an architecture without a head, or one that transformers does not have.
    """
    folder = package.weights
    architecture, kind = _architecture(folder)
    with _offline():
        import transformers

        try:
            # Classifiers of sounds end in ForSequenceClassification as well, and no Auto class knows them by that.
            model = getattr(transformers, architecture, getattr(transformers, kind)).from_pretrained(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=not pickled_weights(folder),
                weights_only=True,
            )
        except Exception as error:
            text = " ".join(str(error).split())[:300]
            raise ModelError(f"weights: '{folder}' ({architecture}) cannot be loaded: {text}") from error
    names = list(_names(model))
    ids = "input_ids" in names and model.main_input_name == "input_ids"
    if ids and getattr(model.config, "is_encoder_decoder", False):
        raise ModelError(
            f"weights: '{folder}' ({architecture}) reads its text twice, in an encoder and in a decoder, and a path"
            " runs through one layer; bring an encoder or a decoder with a head, or a package whose factory builds one"
        )
    outputs = next((named for end, named in _NAMED.items() if architecture.endswith(end)), ())
    package = package.described(_inputs(package, model) if ids else {}, outputs)
    for name in package.config.inputs:
        if name not in names:
            raise ModelError(f"inputs.{name}: {architecture} takes no such input{suggest(name, names, noun='inputs')}")
    # `forward` takes a dozen options besides; of a head without labels only these are of use.
    return finished(package, Logits.of(model, names), device)


def _architecture(folder: Path) -> tuple[str, str]:
    """The architecture that config.json names, and the class of transformers that loads it with its head."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        named = list(config.get("architectures") or [])
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ModelError(
            f"weights: '{folder / 'config.json'}' cannot be read: {' '.join(str(error).split())}"
        ) from error
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"weights: '{folder}' is an adapter of another model; merge it (merge_and_unload) and save again"
        )
    for architecture in named:
        if str(architecture).endswith("ForMultipleChoice"):
            raise ModelError(
                f"weights: '{folder}' ({architecture}) takes the choices of a row for rows of their own, and no path"
                " can run through these; bring a package whose factory scores one choice a row"
            )
        for end, kind in _HEADS.items():
            if str(architecture).endswith(end):
                return str(architecture), kind
    raise ModelError(
        f"weights: '{folder}' holds {', '.join(map(str, named)) or 'no named architecture'}, which has no head with"
        f" logits; save one that ends in {', '.join(_HEADS)}, or bring a package with a factory"
    )


def _names(model: Any) -> Iterator[str]:
    """Tensors that the model is called with: its main input, and what goes with it."""
    import inspect

    parameters = inspect.signature(type(model).forward).parameters
    wanted = (*_MEDIA, "attention_mask", "token_type_ids", "position_ids", "bbox", "decoder_input_ids", "inputs_embeds")
    for name in wanted:
        if name in parameters:
            yield name


def _inputs(package: PackageContents, model: Any) -> dict[str, InputSpec]:
    """Text through the folder's own tokenizer where it has one, else ids as they are."""
    layer = _embedding(model)
    # MLflow logs it beside the model.
    beside = package.weights.parent / "components" / "tokenizer" / "tokenizer.json"
    tokenizer = beside if beside.is_file() else package.weights / "tokenizer.json"
    padding = int(model.config.pad_token_id or 0)
    if not tokenizer.is_file():
        return {"input_ids": InputSpec(columns=("input_ids",), kind="array", dtype="int64", shape=(1,), layer=layer)}
    longest = int(getattr(model.config, "max_position_embeddings", None) or _LENGTH)
    content = json.loads(tokenizer.read_text(encoding="utf-8"))
    special = sorted(
        {int(token["id"]) for token in content.get("added_tokens", []) if token.get("special")} - {padding}
    )
    tokens = InputSpec(
        columns=("text",),
        kind="tokens",
        tokenizer=str(tokenizer),
        length=min(_LENGTH, longest),
        padding=padding,
        special=tuple(special),
        layer=layer,
    )
    return {"input_ids": tokens, "attention_mask": InputSpec(kind="mask", of="input_ids", dtype="int64")}


def _embedding(model: Any) -> str | None:
    """The name of the layer that embeds input_ids."""
    wanted = model.get_input_embeddings()
    return next((name for name, module in model.named_modules() if module is wanted), None)


@contextmanager
def _offline() -> Iterator[None]:
    """Nothing is asked of the network meanwhile, whatever the libraries' settings were."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


class Logits(Facade):
    """A head's logits, as a tensor; of several (start and end of an answer) a dict by name."""

    def answer(self, inputs: dict[str, torch.Tensor]) -> Any:
        passed = {name: value for name, value in inputs.items() if value is not None}
        try:
            output = self.inner(**passed, return_dict=True)
        except ValueError as error:
            # Said by decoders when they are called; whether a model needs the token is nowhere to be asked before.
            if "padding token" not in str(error):
                raise
            kind = type(self.inner).__name__
            raise ModelError(
                f"weights: config.json names no pad_token_id, and {kind} finds the end of a text by it; set it"
                " (model.config.pad_token_id = tokenizer.pad_token_id) and save the model again"
            ) from error
        logits = {name: value for name, value in output.items() if name.endswith("logits")}
        return next(iter(logits.values())) if len(logits) == 1 else logits
