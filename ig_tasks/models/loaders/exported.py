"""Programs of torch.export (`.pt2`): a graph of operations, in which embeddings become layers again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - this module is imported when a torch model is loaded, never before
from torch import fx, nn  # noqa: TID253

from ig_tasks.errors import LayerError, ModelError, suggest
from ig_tasks.models.bare import input_of
from ig_tasks.models.loaders.torch import TorchModel, finished

if TYPE_CHECKING:
    from ig_tasks.models.contents import PackageContents

__all__ = ["load"]

_RANDOM = {"dropout": 2, "batch_norm": 5, "feature_dropout": 2, "alpha_dropout": 2}
"""{operation: the place of its argument that says whether the model was in training mode}"""


def load(package: PackageContents, device: str) -> TorchModel:
    """The program as a module whose inputs have names; the batch may be of any size, on `device`.

    Raises:
        ModelError: for a file that is no program, a batch of a fixed size, or a model exported in training mode.
    """
    path = package.weights
    try:
        program = torch.export.load(path)
        if torch.device(device).type != "cpu":
            from torch.export.passes import move_to_device_pass

            program = move_to_device_pass(program, device)
        module = program.module()
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise ModelError(f"weights: '{path}' cannot be read: {type(error).__name__}: {text}") from error
    _check_program(path.name, module.graph)
    _name_outputs(module.graph, program.call_spec.out_spec)
    layer_names = _with_layers(module)
    plain = Program(module, _without_guards(module.graph))
    inputs = {}
    for node in plain.graph.find_nodes(op="placeholder"):
        value = node.meta["val"]
        shape = [size if isinstance(size, int) else None for size in value.shape[1:]]
        spec = input_of(node.target, str(value.dtype).removeprefix("torch."), shape, layer_names.get(node.target))
        if spec is not None:
            inputs[node.target] = spec
    package = package.described(inputs)
    for name, spec in package.config.inputs.items():
        for layer in spec.layer_names:
            if layer not in layer_names.values():
                hint = suggest(layer, layer_names.values(), noun="embedding layers")
                raise LayerError(f"inputs.{name}.layer: the exported program embeds nothing by '{layer}'{hint}")
    return finished(package, plain, device)


class Program(fx.GraphModule):  # type: ignore[misc]  # torch is not followed by mypy
    """The graph as a module; its mode was settled when it was exported."""

    def train(self, mode: bool = True) -> Program:  # noqa: ARG002
        return self


def _check_program(name: str, graph: fx.Graph) -> None:
    for node in graph.find_nodes(op="placeholder"):
        value = node.meta.get("val")
        if not isinstance(value, torch.Tensor):
            raise ModelError(f"weights: '{name}' takes '{node.target}', which is not a tensor; export it as a constant")
        if value.ndim == 0 or isinstance(value.shape[0], int):
            raise ModelError(
                f"weights: '{name}' was exported for exactly {tuple(value.shape)[:1]} rows of '{node.target}'; export"
                f" it with dynamic_shapes={{'{node.target}': {{0: torch.export.Dim.AUTO}}, ...}}"
            )
    for node in (candidate for candidate in graph.nodes if candidate.op == "call_function"):
        place = _RANDOM.get(_operation(node))
        if place is not None and len(node.args) > place and node.args[place] is True:
            raise ModelError(f"weights: '{name}' was exported in training mode; call model.eval() before the export")


def _operation(node: fx.Node) -> str:
    return str(getattr(node.target, "_opname", getattr(node.target, "__name__", "")))


def _name_outputs(graph: fx.Graph, spec: Any) -> None:
    """One output is returned as it is, a dict of them as a dict; other structures as a tuple."""
    (output,) = graph.find_nodes(op="output")
    leaves = list(output.args[0]) if isinstance(output.args[0], tuple | list) else [output.args[0]]
    if spec.type is dict and len(spec.context) == len(leaves):
        output.args = (dict(zip(spec.context, leaves, strict=True)),)
    else:
        output.args = (leaves[0] if len(leaves) == 1 else tuple(leaves),)


def _with_layers(module: fx.GraphModule) -> dict[str, str]:
    """Lookups of embeddings done by layers, which can be named; {input that one embeds: its name}."""
    layer_names = {}
    for node in module.graph.find_nodes(op="call_function", target=torch.ops.aten.embedding.default):
        table, ids = node.args[:2]
        if table.op != "get_attr" or "." not in str(table.target):
            continue
        name = str(table.target).rpartition(".")[0]
        holder, weight = module.get_submodule(name), _attribute(module, str(table.target))
        if not isinstance(holder, nn.Embedding):
            layer = nn.Embedding(*weight.shape, _weight=weight)
            for other, attribute in [*holder._buffers.items(), *holder._modules.items()]:
                setattr(layer, other, attribute)
            module.set_submodule(name, layer)
        with module.graph.inserting_before(node):
            call = module.graph.call_module(name, (ids,))
        call.meta = dict(node.meta)
        node.replace_all_uses_with(call)
        module.graph.erase_node(node)
        if ids.op == "placeholder":
            layer_names[str(ids.target)] = name
    return layer_names


def _attribute(module: nn.Module, dotted: str) -> Any:
    attribute: Any = module
    for part in dotted.split("."):
        attribute = getattr(attribute, part)
    return attribute


def _without_guards(graph: fx.Graph) -> fx.Graph:
    """Called with inputs by name, without the guards of the shapes that were seen at the export."""
    for node in graph.find_nodes(op="call_module", target="_guards_fn"):
        graph.erase_node(node)
    graph.set_codegen(fx.graph.CodeGen())
    graph.eliminate_dead_code()
    graph.lint()
    return graph
