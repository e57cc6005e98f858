"""Heads: calibration, softmax, margins, named outputs and positions, the same in both frameworks and in numpy."""

import itertools
import json

import numpy as np
import pytest
import yaml
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from support.sweeps import sized

from ig_tasks.attribution import attribute
from ig_tasks.errors import ModelError, TargetError
from ig_tasks.models import open_package
from ig_tasks.models.config import TargetConfig
from ig_tasks.models.output_steps import NumpyFunctions
from ig_tasks.models.spaces import converter, head_for, spaces_of, threshold_in

SCORES = np.linspace(-6.0, 6.0, 401)


def isotonic_of(scores, seed=0):
    """sklearn's isotonic regression on noisy outcomes of these scores: flat stretches beside steep steps."""
    happened = np.random.default_rng(seed).random(scores.size) < expit(1.7 * scores - 0.4)
    return IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, happened)


def points(fitted):
    return {"method": "isotonic", "x": fitted.X_thresholds_.tolist(), "y": fitted.y_thresholds_.tolist()}


def value_of(functions, config, space, raw):
    head = head_for("t", TargetConfig.model_validate(config), space)
    return np.asarray(head(functions(head), raw))


def numpy_value(config, space, raw):
    return value_of(lambda head: NumpyFunctions(), config, space, np.asarray(raw))


def torch_value(config, space, raw):
    import torch

    from ig_tasks.models.heads.torch import TorchFunctions

    return value_of(lambda head: TorchFunctions(head.steps), config, space, torch.tensor(np.asarray(raw)))


def keras_value(config, space, raw):
    import keras

    from ig_tasks.models.heads.keras import KerasFunctions

    return value_of(lambda head: KerasFunctions(), config, space, keras.ops.convert_to_tensor(np.asarray(raw)))


@pytest.fixture(params=[numpy_value, torch_value, keras_value], ids=["numpy", "torch", "keras"])
def value(request):
    """value(target config, space, raw output) -> (rows, 1), in each of the three in float64."""
    return request.param


def test_platt_is_scikit_learns(value):
    happened = np.random.default_rng(1).random(SCORES.size) < expit(0.6 * SCORES + 0.3)
    fitted = _SigmoidCalibration().fit(SCORES, happened)
    config = {
        "space": "logit",
        "calibration": {"method": "platt", "slope": -float(fitted.a_), "intercept": -float(fitted.b_)},
    }
    found = value(config, "calibrated", SCORES[:, None])
    np.testing.assert_allclose(found[:, 0], fitted.predict(SCORES), rtol=1e-12)


def test_isotonic_is_scikit_learns_between_the_points_and_outside(value):
    fitted = isotonic_of(SCORES)
    where = np.concatenate([SCORES, SCORES + 1e-3, fitted.X_thresholds_, [-50.0, 50.0]])
    found = value({"space": "logit", "calibration": points(fitted)}, "calibrated", where)
    np.testing.assert_allclose(found[:, 0], fitted.predict(where), rtol=0, atol=1e-12)


def test_isotonic_of_the_probability(value):
    fitted = isotonic_of(expit(SCORES))
    config = {"space": "logit", "calibration": {**points(fitted), "of": "probability"}}
    found = value(config, "calibrated", SCORES[:, None])
    np.testing.assert_allclose(found[:, 0], fitted.predict(expit(SCORES)), rtol=0, atol=1e-12)


def test_steep_steps_lose_no_digits(value):
    x = [0.0, 0.3, 0.3 + 1e-12, 0.6, 0.6 + 1e-9, 1.0]
    config = {"space": "value", "calibration": {"method": "isotonic", "x": x, "y": [0.1, 0.1, 0.5, 0.5, 0.9, 0.95]}}
    where = np.array([0.1, 0.2999, 0.4, 0.5999, 0.7, 0.9])
    found = value(config, "calibrated", where)
    np.testing.assert_allclose(found[:, 0], np.interp(where, x, config["calibration"]["y"]), rtol=1e-14)


def test_temperature_of_a_logit_and_of_classes(value):
    raw = np.random.default_rng(2).normal(size=(50, 4)) * 5
    binary = {"space": "logit", "calibration": {"method": "temperature", "temperature": 1.7}}
    np.testing.assert_allclose(value(binary, "calibrated", raw[:, :1])[:, 0], expit(raw[:, 0] / 1.7), rtol=1e-12)
    classes = {**binary, "output": 2, "activation": "softmax"}
    np.testing.assert_allclose(value(classes, "calibrated", raw)[:, 0], softmax(raw / 1.7, axis=1)[:, 2], rtol=1e-12)


def test_the_probability_of_a_class_is_its_share_of_the_softmax(value):
    raw = np.random.default_rng(3).normal(size=(50, 3)) * 4
    config = {"space": "logit", "output": 1, "activation": "softmax", "threshold": 0.3}
    np.testing.assert_allclose(value(config, "probability", raw)[:, 0], softmax(raw, axis=1)[:, 1], rtol=1e-12)
    p = np.exp(log_softmax(raw, axis=1)[:, 1])
    np.testing.assert_allclose(value(config, "margin", raw)[:, 0], logit(p) - logit(0.3), atol=1e-12)


def test_what_the_margin_is(value):
    x = np.linspace(-2.0, 2.0, 9)
    logits = {"space": "logit", "threshold": 0.4}
    np.testing.assert_allclose(value(logits, "margin", x)[:, 0], x - logit(0.4), rtol=1e-12, atol=1e-15)
    assert value({"space": "value", "threshold": 250.0}, "margin", np.array([260.0]))[0, 0] == 10.0
    p = np.array([0.25, 0.75])
    np.testing.assert_allclose(value({"space": "probability", "threshold": 0.4}, "margin", p)[:, 0], p - 0.4)
    calibrated = {**logits, "calibration": {"method": "platt", "slope": 1.2, "intercept": -0.5}}
    np.testing.assert_allclose(value(calibrated, "margin", x)[:, 0], expit(1.2 * x - 0.5) - 0.4, atol=1e-15)


def test_a_head_a_position_and_a_column(value):
    raw = np.random.default_rng(4).normal(size=(5, 7, 3))
    config = {"output": {"position": -1, "column": 2}, "space": "logit", "activation": "sigmoid"}
    np.testing.assert_allclose(value(config, "probability", raw)[:, 0], expit(raw[:, -1, 2]), rtol=1e-12)
    assert value(config, "logit", raw).tolist() == raw[:, -1, 2:3].tolist()


def outputs_of(kind, a, b):
    from collections import namedtuple
    from dataclasses import make_dataclass

    return {
        "dict": lambda: {"a": a, "b": b},
        "tuple": lambda: (a, b),
        "namedtuple": lambda: namedtuple("Both", "a b")(a, b),
        "dataclass": lambda: make_dataclass("Both", ["a", "b", "hidden"])(a, b, None),
    }[kind]()


@pytest.mark.parametrize("kind", ["dict", "tuple", "namedtuple", "dataclass"])
def test_a_head_of_any_kind_of_output(kind):
    a, b = np.zeros((4, 1)), np.arange(4.0)[:, None]
    head = 1 if kind == "tuple" else "b"
    config = TargetConfig.model_validate({"output": {"head": head}})
    assert head_for("t", config, "value")(NumpyFunctions(), outputs_of(kind, a, b)).tolist() == b.tolist()
    wrong = TargetConfig.model_validate({"output": {"head": 2 if kind == "tuple" else "c"}})
    with pytest.raises(TargetError, match=r"targets\.t\.output"):
        head_for("t", wrong, "value")(NumpyFunctions(), outputs_of(kind, a, b))
    none = TargetConfig.model_validate({"output": {"column": 0}})
    with pytest.raises(TargetError, match=r"targets\.t\.output: the model .*(name one|choose one)"):
        head_for("t", none, "value")(NumpyFunctions(), outputs_of(kind, a, b))


def test_hugging_faces_outputs_have_their_logits_by_name():
    outputs = pytest.importorskip("transformers.modeling_outputs")
    import torch

    from ig_tasks.models.heads.torch import TorchFunctions

    raw = outputs.SequenceClassifierOutput(logits=torch.tensor([[1.0, 3.0]]), hidden_states=(torch.zeros(1),))
    config = TargetConfig.model_validate({"output": {"head": "logits", "column": 1}, "space": "logit"})
    assert head_for("t", config, "logit")(TorchFunctions(()), raw).tolist() == [[3.0]]


@pytest.mark.parametrize(
    ("config", "raw", "message"),
    [
        ({"output": {"column": 3}}, np.zeros((2, 3)), "column 3 is not there; the output has 3: 0 to 2"),
        ({"output": {"head": 0}}, np.zeros((2, 3)), "has 3 columns; choose one of 0 to 2"),
        ({"output": {"column": 0}}, np.zeros((2, 5, 3)), "choose a position"),
        ({"output": {"position": 5, "column": 0}}, np.zeros((2, 5, 3)), "position 5 is not there; the output has 5"),
        ({"output": {"position": 0}}, np.zeros((2, 3)), "it has no positions"),
        ({"output": {"head": "logits"}}, np.zeros((2, 3)), "one output without a name, so there is no head 'logits'"),
    ],
)
def test_an_output_that_is_not_there(config, raw, message):
    head = head_for("t", TargetConfig.model_validate(config), "value")
    with pytest.raises(TargetError, match=message):
        head(NumpyFunctions(), raw)


def test_several_columns_of_logits_are_not_guessed_at():
    config = TargetConfig.model_validate({"output": 1, "space": "logit"})
    with pytest.raises(TargetError, match=r"targets\.t\.activation: the output has 3 columns; say softmax if"):
        head_for("t", config, "probability")(NumpyFunctions(), np.zeros((2, 3)))
    one = head_for("t", TargetConfig.model_validate({"output": 0, "space": "logit"}), "probability")
    assert one(NumpyFunctions(), np.zeros((2, 1))).tolist() == [[0.5], [0.5]]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"space": "margin"}, "declare what the model returns"),
        ({"space": "logit", "threshold": 1.5}, "threshold: 1.5 is not a probability"),
        ({"space": "value", "activation": "softmax", "output": 1}, "belongs to space logit"),
        ({"space": "logit", "output": 2, "threshold": 0.5}, "column 2 is one of several; say softmax"),
        ({"space": "logit", "activation": "softmax"}, "a column for each class; choose one"),
        ({"space": "logit", "calibration": {"method": "platt", "slope": 1.0}}, "platt needs slope and intercept"),
        (
            {"space": "value", "calibration": {"method": "temperature", "temperature": 2.0}},
            "temperature divides logits",
        ),
        (
            {"space": "value", "calibration": {"method": "isotonic", "x": [1, 0], "y": [0, 1]}},
            "x has to rise from point to point",
        ),
        (
            {"space": "value", "calibration": {"method": "isotonic", "x": [0, 1], "y": [1, 0]}},
            "y must not fall",
        ),
        (
            {"space": "value", "calibration": {"method": "isotonic", "x": [0, 1], "y": [0.5, 0.5]}},
            "one constant has nothing to explain",
        ),
        (
            {"space": "value", "calibration": {"method": "platt", "slope": 1, "intercept": 0, "temperature": 2}},
            "platt takes slope and intercept, not temperature",
        ),
        (
            {"space": "value", "calibration": {"method": "platt", "slope": 1, "intercept": 0, "of": "logit"}},
            "no space 'logit' to calibrate",
        ),
    ],
)
def test_what_does_not_go_together(config, message):
    with pytest.raises(ValueError, match=message):
        TargetConfig.model_validate(config)


FULL = {"space": "logit", "threshold": 0.4, "calibration": {"method": "platt", "slope": 1.5, "intercept": -0.25}}


def test_spaces_and_the_threshold_in_each():
    config = TargetConfig.model_validate(FULL)
    assert spaces_of(config) == ["logit", "probability", "calibrated", "margin"]
    assert [threshold_in(config, space) for space in spaces_of(config)] == [None, None, 0.4, 0.0]
    plain = TargetConfig.model_validate({"space": "logit", "threshold": 0.4})
    assert threshold_in(plain, "logit") == pytest.approx(logit(0.4), rel=1e-14)
    assert threshold_in(plain, "probability") == 0.4
    classes = TargetConfig.model_validate({**plain.model_dump(), "output": 1, "activation": "softmax"})
    assert [threshold_in(classes, space) for space in spaces_of(classes)] == [None, 0.4, 0.0]


@pytest.mark.parametrize("method", ["platt", "temperature", "none"])
def test_numbers_go_from_every_space_to_every_other(method):
    calibrations = {
        "platt": FULL["calibration"],
        "temperature": {"method": "temperature", "temperature": 2.5},
        "none": None,
    }
    config = TargetConfig.model_validate({**FULL, "calibration": calibrations[method]})
    x = np.linspace(-4.0, 4.0, 17)
    for source in spaces_of(config):
        for wanted in spaces_of(config):
            given, expected = (
                numpy_value(config.model_dump(), space, x)[:, 0] if space != "logit" else x
                for space in (source, wanted)
            )
            found = converter("t", config, source, wanted)(given)
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_isotonic_calibration_has_no_way_back():
    config = TargetConfig.model_validate({"space": "logit", "calibration": points(isotonic_of(SCORES))})
    forward = converter("t", config, "logit", "calibrated")(SCORES)
    assert forward.min() >= 0
    assert forward.max() <= 1
    with pytest.raises(ModelError, match="numbers in space 'calibrated' do not say what they are in space 'logit'"):
        converter("t", config, "calibrated", "logit")
    with pytest.raises(ModelError, match=r"there is no space 'logits'; did you mean 'logit'\?"):
        converter("t", config, "calibrated", "logits")


def test_a_class_alone_does_not_say_its_probability():
    config = TargetConfig.model_validate({"space": "logit", "output": 1, "activation": "softmax", "threshold": 0.4})
    with pytest.raises(ModelError, match="numbers in space 'logit' do not say what they are in space 'probability'"):
        converter("t", config, "logit", "probability")
    np.testing.assert_allclose(converter("t", config, "margin", "probability")(np.zeros(1)), [0.4], rtol=1e-14)


def test_parameters_may_lie_in_a_file_of_the_package(package_root, rewrite):
    fitted = isotonic_of(SCORES)
    (package_root / "calibration.json").write_text(json.dumps(points(fitted)))
    rewrite(package_root, {"targets.late.calibration": {"method": "isotonic", "file": "calibration.json"}})
    package = open_package(package_root, trusted_root=package_root)
    calibration = package.config.targets["late"].calibration
    assert calibration.x == tuple(fitted.X_thresholds_)
    digest = package.digest
    (package_root / "calibration.json").write_text(json.dumps({**points(fitted), "y": points(fitted)["x"]}))
    with pytest.raises(ModelError, match=r"targets\.late\.calibration: .*y holds probabilities"):
        open_package(package_root, trusted_root=package_root)
    (package_root / "calibration.json").write_text(json.dumps({"method": "platt", "slope": 1.0, "intercept": 0.0}))
    with pytest.raises(ModelError, match=r"calibration\.file: 'calibration\.json' has another method than model\.yaml"):
        open_package(package_root, trusted_root=package_root)
    rewrite(package_root, {"targets.late.calibration": {"file": "calibration.json"}})
    assert open_package(package_root, trusted_root=package_root).digest != digest
    rewrite(package_root, {"targets.late.calibration": {"file": "gone.json"}})
    with pytest.raises(ModelError, match=r"the package holds no file 'gone\.json'"):
        open_package(package_root, trusted_root=package_root)
    rewrite(package_root, {"targets.late.calibration": {"method": "platt", "slop": 1.0}})
    with pytest.raises(ModelError, match=r"targets\.late\.calibration\.slop: no such key; did you mean 'slope'\?"):
        open_package(package_root, trusted_root=package_root)


CALIBRATIONS = {
    "platt": {"method": "platt", "slope": 0.7, "intercept": -0.2},
    "temperature": {"method": "temperature", "temperature": 3.0},
    "isotonic": points(isotonic_of(SCORES)),
}


@pytest.mark.parametrize("method", CALIBRATIONS)
@pytest.mark.parametrize("space", ["calibrated", "margin"])
def test_a_calibrated_model_is_explained_in_its_space(package_root, rewrite, method, space):
    rewrite(package_root, {"targets.late.calibration": CALIBRATIONS[method], "targets.late.threshold": 0.4})
    loaded = open_package(package_root, trusted_root=package_root).load()
    before = yaml.safe_dump(sorted(loaded.model.state_dict()) if loaded.framework == "torch" else [])
    model, target, name, found_space = loaded.for_target("late", space)
    assert (target, name, found_space) == (None, "late", space)
    draw = np.random.default_rng(5)
    inputs = {"numeric": draw.normal(size=(40, 2)).astype(np.float32), "carrier": draw.integers(0, 3, size=40)}
    baseline = {"numeric": np.zeros(2, np.float32), "carrier": np.array(0)}
    explanation = attribute(model, inputs, baseline, layers=loaded.layers, tolerance=1e-4, precision="float64")
    assert set(explanation.status) == {"converged"}
    assert explanation.relative_delta.max() <= 1e-4
    scores = loaded.predict(inputs)[:, 0].astype(np.float64)
    config = {"space": "logit", "calibration": CALIBRATIONS[method]}
    wanted = numpy_value(config, "calibrated", scores)[:, 0] - (0.4 if space == "margin" else 0.0)
    np.testing.assert_allclose(explanation.output, wanted, atol=1e-12)
    np.testing.assert_allclose(loaded.output(inputs, "late", space), wanted, atol=1e-6)
    assert before == yaml.safe_dump(sorted(loaded.model.state_dict()) if loaded.framework == "torch" else [])


def test_the_margins_attributions_are_those_of_the_output_that_it_is_measured_in(package_root, rewrite):
    rewrite(package_root, {"targets.late.threshold": 0.4})
    loaded = open_package(package_root, trusted_root=package_root).load()
    inputs = {"numeric": np.array([[3, 1], [1, 1]], np.float32), "carrier": np.array([1, 2])}
    baseline = {"numeric": np.zeros(2, np.float32), "carrier": np.array(0)}
    found = {}
    for space in ("logit", "margin"):
        model, target, *_ = loaded.for_target("late", space)
        found[space] = attribute(model, inputs, baseline, layers=loaded.layers, target=target)
    np.testing.assert_allclose(found["margin"].output, found["logit"].output - logit(0.4), rtol=1e-6)
    for name, part in found["logit"].attributions.items():
        np.testing.assert_allclose(found["margin"].attributions[name], part, rtol=1e-6)


def plain_package(kind, output):
    """A loaded package around a bare model of `kind` that takes x (rows, 3), without a folder."""
    from types import SimpleNamespace

    from ig_tasks.models.config import ModelConfig

    config = ModelConfig.model_construct(
        inputs={"x": SimpleNamespace(dtype="float32", layer=None)},
        targets={"t": TargetConfig.model_validate(output)},
    )
    package = SimpleNamespace(config=config, uri="memory", bare=False)
    if kind == "torch":
        from ig_tasks.models.loaders.torch import TorchModel

        return lambda model: TorchModel(model=model, package=package, device="cpu")
    from ig_tasks.models.loaders.keras import KerasModel

    return lambda model: KerasModel(model=model, package=package, device="cpu")


WEIGHTS = np.random.default_rng(6).normal(size=(3, 5 * 4)).astype(np.float32)


def torch_sequences(returns):
    import torch

    class Sequences(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(3, 20, bias=False)
            self.inner.weight.data = torch.tensor(WEIGHTS.T.copy())

        def forward(self, x):
            y = torch.tanh(self.inner(x)).reshape(-1, 5, 4)
            return returns(y.sum(dim=(1, 2))[:, None], y)

    return Sequences().eval()


def keras_sequences(returns):
    import keras

    x = keras.Input((3,), name="x")
    inner = keras.layers.Dense(20, activation="tanh", use_bias=False, name="inner")
    y = keras.layers.Reshape((5, 4), name="b")(inner(x))
    total = keras.layers.GlobalAveragePooling1D(name="a")(y)
    model = keras.Model({"x": x}, returns(total, y))
    inner.set_weights([WEIGHTS])
    return model


def keras_subclassed(returns):
    import keras

    class Around(keras.Model):
        def __init__(self):
            super().__init__()
            self.built_from = keras_sequences(lambda a, b: {"a": a, "b": b})

        def call(self, inputs, training=None):
            found = self.built_from(inputs, training=training)
            return returns(found["a"], found["b"])

    return Around()


SEQUENCES = {
    "torch": (torch_sequences, "torch"),
    "functional": (keras_sequences, "keras"),
    "subclassed": (keras_subclassed, "keras"),
}
RETURNS = {
    "dict": (lambda a, b: {"a": a, "b": b}, "b"),
    "tuple": (lambda a, b: (a, b), 1),
    "single": (lambda _, b: b, None),
}
PAIRS = list(itertools.product(SEQUENCES, RETURNS))
# Keras takes seconds for each: every result once, and both kinds of models.
FEWER = [("functional", "dict"), ("functional", "single"), ("subclassed", "tuple")]


@pytest.mark.parametrize(("net", "result"), sized([pair for pair in PAIRS if pair[0] == "torch"] + FEWER, PAIRS))
def test_one_number_of_a_sequence_is_explained(net, result):
    (make, kind), (returns, head) = SEQUENCES[net], RETURNS[result]
    selection = {"position": -2, "column": 3, **({} if head is None else {"head": head})}
    output = {"output": selection, "space": "logit", "activation": "softmax", "threshold": 0.3}
    loaded = plain_package(kind, output)(make(returns))
    x = np.random.default_rng(8).normal(size=(6, 3)).astype(np.float32)
    chosen = np.tanh(x.astype(np.float64) @ WEIGHTS).reshape(-1, 5, 4)[:, -2]
    share = softmax(chosen, axis=1)[:, 3]
    wanted = {"logit": chosen[:, 3], "probability": share, "margin": logit(share) - logit(0.3)}
    for space, numbers in wanted.items():
        model, target, *_ = loaded.for_target("t", space)
        found = attribute(model, {"x": x}, {"x": np.zeros(3, np.float32)}, target=target, tolerance=1e-3)
        np.testing.assert_allclose(found.output, numbers, rtol=1e-4, atol=1e-5)
        assert set(found.status) == {"converged"}
        assert found.relative_delta.max() <= 1e-3
        np.testing.assert_allclose(loaded.output({"x": x}, "t", space), numbers, rtol=1e-4, atol=1e-5)


def test_a_head_leaves_the_model_as_it_was(torch_package, rewrite):
    calibration = CALIBRATIONS["isotonic"]
    rewrite(torch_package, {"targets.late.calibration": calibration})
    loaded = open_package(torch_package, trusted_root=torch_package).load()
    before = [name for name, _ in loaded.model.named_modules()]
    model, *_ = loaded.for_target("late", "calibrated")
    assert [name for name, _ in loaded.model.named_modules()] == before
    assert [name for name, _ in model.named_modules()] == [*before, "output_head"]
    assert list(model.state_dict()) == list(loaded.model.state_dict())
    assert model.get_submodule("embed_carrier") is loaded.model.embed_carrier


def test_a_keras_head_is_refused_in_one_line():
    keras = pytest.importorskip("keras")
    from ig_tasks.models.heads.keras import with_head

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    head = head_for("t", TargetConfig.model_validate({"output": 1, "space": "logit"}), "probability")
    functional = keras.Model(model.inputs, model.outputs[0])
    with pytest.raises(TargetError) as caught:
        with_head(functional, head)
    assert str(caught.value).startswith("targets.t.activation: the output has 3 columns")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("width", [1, 3])
def test_a_model_that_squeezes_its_only_row(width, tmp_path, monkeypatch):
    import torch

    from ig_tasks.models import load_model
    from ig_tasks.models.heads.torch import with_head

    class Squeezed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(2, width)

        def forward(self, x):
            return self.linear(x)[:, None].squeeze()

    model, rows = Squeezed(), torch.randn(3, 2)
    config = {"output": {"column": width - 1}, "space": "logit", "activation": "sigmoid"}
    headed = with_head(model, head_for("t", TargetConfig.model_validate(config), "probability"))
    whole = torch.sigmoid(model.linear(rows))[:, -1:].detach().numpy()
    for few in (1, 3):
        np.testing.assert_allclose(headed(rows[:few]).detach().numpy(), whole[:few], rtol=1e-6)
        found = attribute(headed, rows[:few].numpy(), np.zeros(2))
        np.testing.assert_allclose(found.output, whole[:few, 0], rtol=1e-6)
    monkeypatch.chdir(tmp_path)
    torch.jit.save(torch.jit.script(model), "squeezed.ts")
    loaded = load_model("squeezed.ts")
    for few in (1, 3):
        found = loaded.predict({"x": rows[:few].numpy()}).reshape(few, -1)
        np.testing.assert_allclose(found, model.linear(rows[:few]).detach().numpy(), rtol=1e-6)
