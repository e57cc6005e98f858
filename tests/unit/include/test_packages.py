"""The committed packages: what their cards say holds; both frameworks agree on one set of weights."""

import numpy as np
import pytest

from ig_tasks.data.encoding import encode
from ig_tasks.models import open_package

NAMES = ["flights_torch", "flights_keras", "flights_torch_relu_64_64", "flights_torch_relu_256_128"]


@pytest.fixture(params=NAMES)
def package(request, demo_models):
    return open_package(demo_models / request.param, trusted_root=demo_models)


def test_the_card_holds(package, demo_months):
    from include.models.flights_data import area_under_curve

    test = package.config.card.model_extra["test"]
    encoded = encode(demo_months, package.config.inputs)
    assert encoded.keep.sum() == test["rows"]
    logits = package.load().predict(encoded.inputs)[:, 0]
    late = demo_months["late"].to_numpy()[encoded.keep]
    assert area_under_curve(late, logits) == pytest.approx(test["auc"], abs=1e-4)
    assert test["auc"] > 0.895


def test_small_and_described(package):
    assert sum((package.root / name).stat().st_size for name in package.files) < 3_000_000
    card = package.config.card
    assert all([card.name, card.version, card.owner, card.intended_use])
    assert len(package.features) == 19
    assert {spec.layer for spec in package.config.inputs.values() if spec.vocabulary} == {
        f"embed_{name}" for name in list(package.config.inputs)[1:]
    }


def test_the_code_of_the_torch_packages_is_the_architecture(package, demo_models):
    if package.config.framework == "torch":
        assert (package.root / "model.py").read_bytes() == (demo_models / "architecture_torch.py").read_bytes()


def test_new_months_are_the_unknown_month(package, demo_months):
    ids = encode(demo_months.head(100), package.config.inputs).inputs["month_of_year"]
    assert (ids == 0).all()
    assert package.config.inputs["month_of_year"].vocabulary == tuple(f"{month:02d}" for month in range(1, 10))


@pytest.mark.parametrize("name", [name for name in NAMES if "torch" in name])
def test_converted_weights_give_the_same_logits(name, demo_models, demo_months, tmp_path):
    from include.models.convert import convert

    convert(demo_models / name, tmp_path / "converted")
    original = open_package(demo_models / name, trusted_root=demo_models)
    converted = open_package(tmp_path / "converted")
    rows = encode(demo_months.iloc[::40], original.config.inputs)
    logits = original.load().predict(rows.inputs)
    assert len(logits) > 2000
    np.testing.assert_allclose(converted.load().predict(rows.inputs), logits, rtol=1e-5, atol=1e-5)
    assert converted.load().layers == original.load().layers
