"""LoadedModel: choosing an output and its space; the wrapped model keeps every name and stays differentiable."""

import copy

import numpy as np
import pytest

from ig_tasks.errors import InputError, ModelError, TargetError
from ig_tasks.models import open_package

INPUTS = {
    "numeric": np.array([[3, 1], [1, 1]], dtype=np.float32),
    "carrier": np.array([0, 0], dtype=np.int64),
}


@pytest.fixture
def loaded(package_root):
    return open_package(package_root, trusted_root=package_root).load()


def call(loaded, model):
    if loaded.framework == "torch":
        import torch

        return model(**{name: torch.tensor(array) for name, array in INPUTS.items()}).detach().numpy()
    return model(INPUTS).numpy()


def test_the_declared_target(loaded):
    for target in (None, "late", 0):
        model, engine_target, name, space = loaded.for_target(target, None)
        assert model is loaded.model
        assert (engine_target, name, space) == (0, "late", "logit")


def test_probability_is_the_sigmoid_of_the_logit(loaded):
    model, engine_target, name, space = loaded.for_target("late", "probability")
    assert (engine_target, name, space) == (None, "late", "probability")
    np.testing.assert_allclose(call(loaded, model), 1 / (1 + np.exp([[-1.0], [1.0]])), rtol=1e-6)


def test_the_wrapped_torch_model_has_the_models_names(torch_package):
    loaded = open_package(torch_package, trusted_root=torch_package).load()
    model, *_ = loaded.for_target("late", "probability")
    inner = loaded.model
    assert [name for name, _ in model.named_modules()] == [name for name, _ in inner.named_modules()]
    assert model.get_submodule("embed_carrier") is inner.embed_carrier
    assert list(model.state_dict()) == list(inner.state_dict())
    assert not model.training
    model.train()
    assert inner.training
    assert inner.embed_carrier.training


def test_the_wrapped_torch_model_is_copied_and_converted_whole(torch_package):
    import torch

    loaded = open_package(torch_package, trusted_root=torch_package).load()
    model, *_ = loaded.for_target("late", "probability")
    double = copy.deepcopy(model).double()
    numeric = torch.tensor(INPUTS["numeric"], dtype=torch.float64, requires_grad=True)
    output = double(numeric=numeric, carrier=torch.tensor(INPUTS["carrier"]))
    assert output.dtype == torch.float64
    assert loaded.model.output.weight.dtype == torch.float32
    seen = []
    double.get_submodule("embed_carrier").register_forward_hook(lambda *_: seen.append(1))
    double(numeric=numeric, carrier=torch.tensor(INPUTS["carrier"]))
    assert seen == [1]
    assert not loaded.model.embed_carrier._forward_hooks
    output.sum().backward()
    slope = np.exp(-1) / (1 + np.exp(-1)) ** 2
    np.testing.assert_allclose(numeric.grad, [[slope, -2 * slope]] * 2, rtol=1e-12)


def test_the_wrapped_keras_model_has_the_models_layers(keras_package):
    import tensorflow as tf

    loaded = open_package(keras_package).load()
    model, *_ = loaded.for_target("late", "probability")
    assert model.get_layer("embed_carrier") is loaded.model.get_layer("embed_carrier")
    assert [layer.name for layer in model.layers][-1] == "probability"
    assert set(model.input) == {"numeric", "carrier"}
    numeric = tf.constant(INPUTS["numeric"])
    with tf.GradientTape() as tape:
        tape.watch(numeric)
        output = model({"numeric": numeric, "carrier": tf.constant(INPUTS["carrier"])})
    slope = np.exp(-1) / (1 + np.exp(-1)) ** 2
    np.testing.assert_allclose(tape.gradient(output, numeric), [[slope, -2 * slope]] * 2, rtol=1e-6)


def test_unknown_target(loaded):
    with pytest.raises(
        TargetError, match=r"target 'lat' is not an output of the model; did you mean 'late'\? targets: late"
    ):
        loaded.for_target("lat", None)
    with pytest.raises(TargetError, match="target '3' is not an output"):
        loaded.for_target(3, None)


def test_several_targets_need_a_choice(package_root, rewrite):
    rewrite(package_root, {"targets.other": {"output": 1}})
    loaded = open_package(package_root, trusted_root=package_root).load()
    with pytest.raises(TargetError, match="several targets, choose one; targets: late, other"):
        loaded.for_target()
    assert loaded.for_target(1)[2:] == ("other", "value")
    with pytest.raises(ModelError, match="target 'other' has no space 'probability'; spaces: value"):
        loaded.for_target("other", "probability")


def test_unknown_space(loaded):
    with pytest.raises(
        ModelError, match=r"no space 'probabilty'; did you mean 'probability'\? spaces: logit, probability"
    ):
        loaded.for_target("late", "probabilty")


def test_predict_takes_many_rows_in_blocks(loaded, monkeypatch):
    monkeypatch.setattr("ig_tasks.models.loaded._BLOCK", 3)
    numeric = np.stack([np.arange(10.0), np.zeros(10)], axis=1)
    predicted = loaded.predict({"numeric": numeric, "carrier": np.zeros(10, int)})
    assert predicted.tolist() == [[float(i)] for i in range(10)]
    assert predicted.dtype == np.float32


def test_predict_without_rows(loaded):
    assert loaded.predict({"numeric": np.zeros((0, 2)), "carrier": np.zeros(0, int)}).shape == (0, 1)


def test_predict_names_the_input(loaded):
    with pytest.raises(InputError, match=r"input 'carrier' of model .* is absent"):
        loaded.predict({"numeric": INPUTS["numeric"]})
    with pytest.raises(InputError, match=r"input 'carier' of model .* is unknown; did you mean 'carrier'\?"):
        loaded.predict({**INPUTS, "carier": INPUTS["carrier"]})


def test_what_a_model_changes_in_place_stays_as_it_was_given(loaded):
    given = {name: array.copy() for name, array in INPUTS.items()}
    model, (before, number) = loaded.model, (loaded.predict(given), loaded.output(given, "late", "probability"))
    if loaded.framework == "torch":

        def change(module, args, kwargs):
            kwargs["numeric"].add_(1)
            kwargs["carrier"].zero_()

        model.register_forward_pre_hook(change, with_kwargs=True)
        moved = loaded.predict({name: array.copy() for name, array in INPUTS.items()})
        np.testing.assert_array_equal(moved, loaded.predict(given))
        assert (moved != before).all()
        assert (loaded.output(given, "late", "probability") != number).all()
    for name, array in INPUTS.items():
        np.testing.assert_array_equal(given[name], array)
