"""Every suite by name: which process it belongs to, and how its contest is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.contest import Contest, Options

__all__ = ["SUITES", "SuiteOf", "open_contest"]

ROWS, QUICK_ROWS = 20_000, 200


@dataclass(frozen=True)
class SuiteOf:
    """`process`: suites of one framework share a process, those of another have their own."""

    process: str
    open: Callable[[Options], Contest]


def _flights(name: str, title: str, package: str, others: tuple[str, ...] = (), note: str = "") -> SuiteOf:
    def opened(options: Options) -> Contest:
        from benchmarks.dense_torch import DenseTorch
        from benchmarks.flights import flights

        net, inputs = flights(package, options.choose(ROWS, QUICK_ROWS))
        return DenseTorch(name, title, net, inputs, others, [note] if note else [])

    return SuiteOf("torch", opened)


def _wide(name: str, title: str, activation: str) -> SuiteOf:
    def opened(options: Options) -> Contest:
        from benchmarks.dense_torch import DenseTorch
        from benchmarks.wide import wide

        net, inputs = wide(activation, options.choose(ROWS, QUICK_ROWS))
        return DenseTorch(name, title, net, inputs)

    return SuiteOf("torch", opened)


def _keras(name: str, title: str, package: str) -> SuiteOf:
    def opened(options: Options) -> Contest:
        from benchmarks.dense_keras import DenseKeras
        from benchmarks.flights import flights

        net, inputs = flights(package, options.choose(ROWS, QUICK_ROWS))
        return DenseKeras(name, title, net, inputs)

    return SuiteOf("tensorflow", opened)


def _images(name: str, title: str, pool: str) -> SuiteOf:
    def opened(options: Options) -> Contest:
        from benchmarks.images import Images

        return Images(name, title, pool, options)

    return SuiteOf("torch", opened)


def _text(name: str, title: str, tolerance: float) -> SuiteOf:
    def opened(options: Options) -> Contest:
        from benchmarks.text import Text

        return Text(name, title, tolerance, options)

    return SuiteOf("torch", opened)


SLOW_PEERS = ("shap", "saliency", "saliency/batched")

SUITES: dict[str, SuiteOf] = {
    "silu": _flights("silu", "flights, SiLU 256-128", "flights_torch", SLOW_PEERS),
    "relu-64": _flights("relu-64", "flights, ReLU 64-64", "flights_torch_relu_64_64", ("exact",)),
    "relu-256": _flights("relu-256", "flights, ReLU 256-128", "flights_torch_relu_256_128", ("exact", *SLOW_PEERS)),
    "relu-512": _flights("relu-512", "flights, ReLU 512-256-128", "flights_relu_512_256_128"),
    "relu-4x64": _flights("relu-4x64", "flights, ReLU 64-64-64-64", "flights_relu_64_64_64_64"),
    "wide-gelu": _wide("wide-gelu", "1,000 columns, GELU 256-128", "gelu"),
    "wide-relu": _wide("wide-relu", "1,000 columns, ReLU 256-128", "relu"),
    "cnn-average": _images("cnn-average", "MNIST, convolutions with average pooling", "average"),
    "cnn-max": _images("cnn-max", "MNIST, convolutions with max pooling", "max"),
    "minilm-1": _text("minilm-1", "MiniLM, 32 sentences, tolerance 1 %", 0.01),
    "minilm-5": _text("minilm-5", "MiniLM, 32 sentences, tolerance 5 %", 0.05),
    "keras-silu": _keras("keras-silu", "flights in Keras, SiLU 256-128", "flights_keras"),
    "keras-relu-64": _keras("keras-relu-64", "flights in Keras, ReLU 64-64", "flights_torch_relu_64_64"),
    "keras-relu-256": _keras("keras-relu-256", "flights in Keras, ReLU 256-128", "flights_torch_relu_256_128"),
}


def open_contest(name: str, options: Options) -> Contest:
    """Load, train where there is nothing yet. Raises KeyError."""
    return SUITES[name].open(options)
