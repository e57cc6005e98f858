"""Paths through embedding layers: ids have no gradient, their vectors do."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import Lookup, attribute, embed, lookup
from ig_tasks.errors import InputError, LayerError

pytestmark = pytest.mark.graphs

LAYERS = {"cat": "emb"}


@pytest.fixture
def rows(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"num": rng.normal(size=(20, 3)), "cat": rng.integers(0, 6, 20)}


def test_embed_gives_the_layers_vectors(kit: Any, embedding: np.ndarray) -> None:
    model = kit.tabular()
    np.testing.assert_array_equal(embed(model, "emb", np.array([4, 0, 4])), embedding[[4, 0, 4]])
    assert embed(model, "emb", np.array([[1, 2], [3, 0]])).shape == (2, 2, 4)
    assert embed(kit.tabular("float32"), "emb", np.array(3)).dtype == np.float64


def test_attributions_have_the_ids_shape_and_complete(kit: Any, rows: dict[str, np.ndarray]) -> None:
    baseline = {"num": np.zeros(3), "cat": np.zeros(4)}
    found = attribute(kit.tabular(), rows, baseline, layers=LAYERS, tolerance=1e-8)
    assert found.attributions["num"].shape == (20, 3)
    assert found.attributions["cat"].shape == (20,)
    assert (found.attributions["cat"] != 0).all()
    total = found.attributions["num"].sum(1) + found.attributions["cat"]
    np.testing.assert_allclose(total, found.output - found.baseline_output, atol=1e-7)


def test_the_width_is_summed(kit: Any, layers_of: Any, rows: dict[str, np.ndarray], embedding: np.ndarray) -> None:
    # The same network on the vectors themselves attributes to each of their entries.
    rule: dict[str, Any] = {"integrator": "gauss_legendre", "steps": 8}
    start_by_name = {"num": np.zeros(3), "cat": embedding.mean(0)}
    from_ids = attribute(kit.tabular(), rows, start_by_name, layers=LAYERS, **rule)
    joined = np.hstack([rows["num"], embedding[rows["cat"]]])
    start = np.concatenate([np.zeros(3), embedding.mean(0)])
    from_vectors = attribute(kit.dense(layers_of(7, 8, 1, seed=11)), joined, start, **rule)
    np.testing.assert_allclose(from_ids.attributions["num"], from_vectors.attributions[:, :3], atol=1e-13)
    np.testing.assert_allclose(from_ids.attributions["cat"], from_vectors.attributions[:, 3:].sum(1), atol=1e-13)


def test_baselines_as_ids_and_as_vectors_agree(
    kit: Any, rows: dict[str, np.ndarray], embedding: np.ndarray, rng: np.random.Generator
) -> None:
    model, other = kit.tabular(), rng.integers(0, 6, 20)
    for ids in (2, other):
        as_ids = attribute(model, rows, {"num": np.zeros(3), "cat": np.asarray(ids)}, layers=LAYERS)
        as_vectors = attribute(model, rows, {"num": np.zeros(3), "cat": embedding[ids]}, layers=LAYERS)
        np.testing.assert_allclose(as_ids.attributions["cat"], as_vectors.attributions["cat"], atol=1e-13)
        np.testing.assert_allclose(as_ids.baseline_output, as_vectors.baseline_output, atol=1e-13)


def test_an_id_at_its_own_baseline_gets_exactly_zero(kit: Any, rows: dict[str, np.ndarray]) -> None:
    found = attribute(kit.tabular(), rows, {"num": np.zeros(3), "cat": rows["cat"]}, layers=LAYERS)
    assert (found.attributions["cat"] == 0).all()


def test_tokens_get_one_number_each_and_masked_ones_zero(kit: Any, rng: np.random.Generator) -> None:
    ids = rng.integers(0, 6, (8, 3))
    mask = np.array([1.0, 1.0, 0.0]) * np.ones((8, 1))
    found = attribute(
        kit.tokens(), {"ids": ids}, {"ids": np.zeros((3, 4))}, fixed={"mask": mask}, layers={"ids": "tok"}, target=1
    )
    assert found.attributions["ids"].shape == (8, 3)
    assert (found.attributions["ids"][:, 2] == 0).all()
    assert (found.attributions["ids"][:, :2] != 0).all()
    assert (found.status == "converged").all()
    np.testing.assert_allclose(found.output, kit.predict(kit.tokens(), ids=ids, mask=mask)[:, 1], atol=1e-13)


def test_fixed_inputs_may_differ_by_row(kit: Any, rng: np.random.Generator) -> None:
    ids, mask = rng.integers(0, 6, (8, 3)), rng.integers(0, 2, (8, 3)).astype(float)
    arguments: dict[str, Any] = {"layers": {"ids": "tok"}, "target": 0}
    model = kit.tokens()
    whole = attribute(model, {"ids": ids}, {"ids": np.zeros((3, 4))}, fixed={"mask": mask}, **arguments)
    for row in range(8):
        one = attribute(
            model,
            {"ids": ids[row : row + 1]},
            {"ids": np.zeros((3, 4))},
            fixed={"mask": mask[row : row + 1]},
            **arguments,
        )
        np.testing.assert_allclose(one.attributions["ids"][0], whole.attributions["ids"][row], atol=1e-13)


def test_integers_without_a_layer_are_told_the_layers(kit: Any, rows: dict[str, np.ndarray]) -> None:
    with pytest.raises(LayerError, match=r"inputs\['cat'\]: integers have no gradient.*embedding layers: emb"):
        attribute(kit.tabular(), rows, {"num": np.zeros(3), "cat": 0})


def test_a_layer_that_is_not_there_is_suggested(kit: Any, rows: dict[str, np.ndarray]) -> None:
    with pytest.raises(LayerError, match="no layer 'embb'; did you mean 'emb'"):
        attribute(kit.tabular(), rows, {"num": np.zeros(3), "cat": 0}, layers={"cat": "embb"})


def test_a_layer_for_an_input_that_is_not_there(kit: Any, rows: dict[str, np.ndarray]) -> None:
    with pytest.raises(LayerError, match="layers: 'cta' is not an input; did you mean 'cat'"):
        attribute(kit.tabular(), rows, {"num": np.zeros(3), "cat": 0}, layers={"cta": "emb"})


def test_ids_outside_the_layer_are_named(kit: Any, rows: dict[str, np.ndarray]) -> None:
    for wrong in (6, -1):
        with pytest.raises(InputError, match=f"id {wrong} is outside layer 'emb', which has 0 to 5"):
            attribute(
                kit.tabular(),
                {**rows, "cat": np.full(20, wrong)},
                {"num": np.zeros(3), "cat": 0},
                layers=LAYERS,
            )


def test_ids_that_are_not_whole_are_refused(kit: Any, rows: dict[str, np.ndarray]) -> None:
    with pytest.raises(InputError, match="not all of these are whole numbers"):
        attribute(kit.tabular(), {**rows, "cat": np.full(20, 0.5)}, {"num": np.zeros(3), "cat": 0}, layers=LAYERS)


def test_whole_floats_count_as_ids(kit: Any, rows: dict[str, np.ndarray]) -> None:
    baseline = {"num": np.zeros(3), "cat": np.zeros(4)}
    one = attribute(kit.tabular(), rows, baseline, layers=LAYERS)
    two = attribute(kit.tabular(), {**rows, "cat": rows["cat"].astype(float)}, baseline, layers=LAYERS)
    np.testing.assert_array_equal(one.attributions["cat"], two.attributions["cat"])


def test_two_threads_explain_with_one_model(kit: Any, rng: np.random.Generator) -> None:
    model = kit.tabular()
    data = [{"num": rng.normal(size=(200, 3)), "cat": rng.integers(0, 6, 200)} for _ in range(4)]
    baseline = {"num": np.zeros(3), "cat": np.zeros(4)}
    alone = [attribute(kit.tabular(), each, baseline, layers=LAYERS).attributions for each in data]
    found: dict[int, Any] = {}

    def work(place: int) -> None:
        for _ in range(3):
            found[place] = attribute(model, data[place], baseline, layers=LAYERS, memory_limit=100_000).attributions

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place in range(4):
        for name in ("num", "cat"):
            np.testing.assert_allclose(found[place][name], alone[place][name], atol=1e-12)


def test_a_hook_seen_half_registered_leaves_another_thread_alone() -> None:
    import torch

    from ig_tasks.attribution.backends.torch.paths import Paths
    from ig_tasks.attribution.feeds import Route

    layer = torch.nn.Embedding(4, 2)
    paths = Paths({"emb": layer}, Route())
    found: list[torch.Tensor] = []
    with paths.hooked():
        layer._forward_hooks_with_kwargs.clear()  # as between the two writes of register_forward_hook
        other = threading.Thread(target=lambda: found.append(layer(torch.tensor([1, 2]))))
        other.start()
        other.join()
    torch.testing.assert_close(found[0], layer.weight[1:3])


def test_torch_and_keras_agree(kits: Any, rows: dict[str, np.ndarray], embedding: np.ndarray) -> None:
    baseline = {"num": np.zeros(3), "cat": embedding.mean(0)}
    one, two = (attribute(kit.tabular(), rows, baseline, layers=LAYERS, integrator="clenshaw_curtis") for kit in kits)
    for name in ("num", "cat"):
        np.testing.assert_allclose(one.attributions[name], two.attributions[name], atol=1e-13)


def test_many_lookups_open_the_model_once(kit, monkeypatch):
    opened = []
    open_backend = lookup.open_backend

    def counted(*arguments):
        opened.append(arguments)
        return open_backend(*arguments)

    monkeypatch.setattr(lookup, "open_backend", counted)
    model = kit.tabular("float32")
    with Lookup(model).opened(LAYERS) as vectors:
        assert opened == []
        found = [vectors("emb", np.array([row])) for row in range(4)]
    assert len(opened) == 1
    np.testing.assert_array_equal(np.concatenate(found), embed(model, "emb", np.arange(4)))
    assert len(opened) == 2
    # What was opened for a block is closed with it.
    np.testing.assert_array_equal(vectors("emb", np.array([3])), found[3])
    assert len(opened) == 3


def test_a_lookup_in_another_layer_names_it(kit):
    with (
        Lookup(kit.tabular("float32")).opened(LAYERS) as vectors,
        pytest.raises(LayerError, match="the model has no layer 'nowhere'"),
    ):
        vectors("nowhere", np.array([0]))
