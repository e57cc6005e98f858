"""Torch modules: which inputs need a layer, and which; why others have no gradient; nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import yaml

from ig_tasks import diagnose
from ig_tasks.doctor import Diagnosis
from ig_tasks.errors import InputError, LayerError

torch = pytest.importorskip("torch")
nn = torch.nn
functional = nn.functional

ROWS = {
    "num": np.linspace(-1.0, 1.0, 18).reshape(6, 3),
    "cat": np.array([1, 0, 3, 2, 4, 1]),
}


class Tabular(nn.Module):
    """Numbers beside an embedded category."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed_cat = nn.Embedding(5, 2)
        self.body = nn.Linear(5, 1)

    def forward(self, num: Any, cat: Any) -> Any:
        return self.body(torch.cat([num, self.embed_cat(cat)], dim=1))


class Through(nn.Module):
    """One input through a function, then a layer."""

    def __init__(self, function: Callable[[Any], Any], wide: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.before, self.function, self.after = nn.Linear(3, 3), function, nn.Linear(wide, 1)

    def forward(self, num: Any) -> Any:
        return self.after(self.function(self.before(num)))


def only(diagnosis: Diagnosis, name: str) -> Any:
    return next(each for each in diagnosis.inputs if each.name == name)


def test_an_embedding_is_proposed_by_name_with_its_size() -> None:
    found = diagnose(Tabular(), ROWS)
    num, cat = only(found, "num"), only(found, "cat")
    assert (num.shape, num.dtype, num.differentiable, num.why) == ((3,), "float64", True, "")
    assert (cat.shape, cat.dtype, cat.differentiable) == ((), "int64", False)
    assert cat.why == "integer ids, embedded by embed_cat"
    assert [str(each) for each in cat.candidates] == ["embed_cat (5 x 2)"]
    assert found.layers == {"cat": "embed_cat"}
    assert found.proposal == "inputs:\n  cat:\n    layer: embed_cat\n"
    assert (found.zero, found.dependent, found.notes, found.problems) == ((), (), (), ())


def test_a_layer_that_is_named_and_right_leaves_nothing_to_say() -> None:
    found = diagnose(Tabular(), ROWS, layers={"cat": "embed_cat"})
    assert found.silent
    assert found.proposal == ""
    found.require()


def test_a_layer_that_is_missing_is_required_with_the_entry_to_write() -> None:
    with pytest.raises(LayerError) as error:
        diagnose(Tabular(), ROWS).require()
    assert str(error.value) == (
        "inputs.cat.layer: is missing; integer ids, embedded by embed_cat; in model.yaml: inputs.cat.layer: embed_cat"
    )


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            {"cat": "embed_kat"},
            (
                "inputs.cat.layer: the model has no layer 'embed_kat'; did you mean 'embed_cat'? "
                "embedding layers: embed_cat; in model.yaml: inputs.cat.layer: embed_cat"
            ),
        ),
        (
            {"cat": "body"},
            (
                "inputs.cat.layer: 'body' does not embed this input: it is not called with its values; "
                "in model.yaml: inputs.cat.layer: embed_cat"
            ),
        ),
        (
            {"cat": "embed_cat", "num": "embed_cat"},
            "inputs.num.layer: the input holds numbers, not ids; remove the entry",
        ),
    ],
)
def test_a_wrong_entry_is_one_line_with_the_right_one(layers: dict[str, str], message: str) -> None:
    with pytest.raises(LayerError) as error:
        diagnose(Tabular(), ROWS, layers=layers).require()
    assert str(error.value) == message


def test_one_embedding_may_serve_two_inputs() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.airport, self.body = nn.Embedding(9, 4), nn.Linear(8, 1)

        def forward(self, origin: Any, destination: Any) -> Any:
            return self.body(torch.cat([self.airport(origin), self.airport(destination)], 1))

    found = diagnose(Shared(), {"origin": np.array([1, 2, 3]), "destination": np.array([4, 5, 8])})
    assert found.layers == {"origin": "airport", "destination": "airport"}
    assert (found.problems, found.dependent, found.zero) == ((), (), ())


def test_embeddings_in_nested_modules_have_their_dotted_names() -> None:
    class Text(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.ModuleDict({"words": nn.Embedding(20, 4), "places": nn.Embedding(8, 4)})
            self.head = nn.Linear(4, 2)

        def forward(self, ids: Any, mask: Any) -> Any:
            places = torch.arange(ids.shape[1]).expand_as(ids)
            vectors = self.encoder["words"](ids) + self.encoder["places"](places)
            return self.head((vectors * mask[..., None]).sum(1))

    ids = np.arange(15).reshape(3, 5)
    found = diagnose(Text(), {"ids": ids}, fixed={"mask": np.ones((3, 5), np.float32)})
    assert found.layers == {"ids": "encoder.words"}
    assert [each.layer for each in only(found, "ids").candidates] == ["encoder.words"]
    assert found.zero == ()


def test_two_embeddings_of_one_input_are_named_together() -> None:
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide, self.deep, self.body = nn.Embedding(5, 1), nn.Embedding(5, 3), nn.Linear(4, 1)

        def forward(self, cat: Any) -> Any:
            return self.body(torch.cat([self.wide(cat), self.deep(cat)], 1))

    found = diagnose(Wide(), {"cat": np.arange(5)})
    assert found.layers == {"cat": ["wide", "deep"]}
    assert yaml.safe_load(found.proposal) == {"inputs": {"cat": {"layer": ["wide", "deep"]}}}
    (wrong,) = diagnose(Wide(), {"cat": np.arange(5)}, layers={"cat": "deep"}).problems
    assert wrong == (
        "inputs.cat.layer: 'wide', 'deep' embed this input, and a path in 'deep' leaves out what goes through the "
        "rest; name them all"
    )
    assert diagnose(Wide(), {"cat": np.arange(5)}, layers={"cat": ["deep", "wide"]}).silent


def test_one_hot_encoding_beside_the_table_is_noted() -> None:
    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.body = nn.Embedding(5, 3), nn.Linear(8, 1)

        def forward(self, cat: Any) -> Any:
            return self.body(torch.cat([self.words(cat), nn.functional.one_hot(cat, 5).float()], 1))

    (note,) = diagnose(Beside(), {"cat": np.arange(5)}).notes
    assert note == (
        "cat: it is read by one-hot encoding ('one_hot'), too, and a path in words leaves that where the row is; make "
        "it a layer and name both"
    )


def test_an_embedding_bag_is_shown_and_not_proposed() -> None:
    class Bags(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.genres, self.head = nn.EmbeddingBag(7, 3), nn.Linear(3, 1)

        def forward(self, genres: Any) -> Any:
            return self.head(self.genres(genres))

    found = diagnose(Bags(), {"genres": np.array([[1, 2], [3, 4], [5, 6]])})
    (candidate,) = only(found, "genres").candidates
    assert candidate.layer == "genres"
    assert candidate.why.startswith("gives one vector per row, not one per id")
    assert found.layers == {}
    assert (
        only(found, "genres").why
        == "integer ids, read by an embedding layer ('genres'); no layer gives one vector per id"
    )


def test_a_lookup_without_a_layer_is_said_with_its_parameter() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.head = nn.Parameter(torch.randn(6, 3)), nn.Linear(3, 1)

        def forward(self, cat: Any) -> Any:
            return self.head(functional.embedding(cat, self.table))

    class Indexed(Functional):
        def forward(self, cat: Any) -> Any:
            return self.head(self.table[cat])

    for model in (Functional(), Indexed()):
        found = diagnose(model, {"cat": np.arange(6)})
        assert only(found, "cat").why == (
            "integer ids, read by a lookup in a table (parameter 'table'); "
            "no layer does that: make the table an Embedding layer"
        )
        assert (found.layers, found.proposal) == ({}, "")


def test_a_layer_of_ones_own_that_makes_a_vector_of_every_id_serves() -> None:
    class OneHot(nn.Module):
        def forward(self, ids: Any) -> Any:
            return functional.one_hot(ids, 4).float()

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.spread, self.head = OneHot(), nn.Linear(4, 1)

        def forward(self, colour: Any) -> Any:
            return self.head(self.spread(colour))

    found = diagnose(Model(), {"colour": np.array([0, 1, 2, 3])})
    assert found.layers == {"colour": "spread"}
    assert only(found, "colour").candidates[0].width == 4


def test_one_hot_inside_the_model_is_said() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(7, 1)

        def forward(self, num: Any, colour: Any) -> Any:
            return self.head(torch.cat([num, functional.one_hot(colour, 4).float()], 1))

    found = diagnose(Model(), {"num": ROWS["num"][:4], "colour": np.array([0, 1, 2, 3])})
    assert only(found, "colour").why == (
        "integer ids, read by one-hot encoding ('one_hot'); "
        "no layer does that: make it a layer of its own, or give the zeros and ones"
    )
    assert found.layers == {}


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda z: z.detach(), "detach or no_grad ('detach')"),
        (lambda z: z.data, "detach or no_grad ('data')"),
        (lambda z: functional.one_hot(z.argmax(1), 3).float(), "an arg-max ('argmax')"),
        (torch.round, "rounding ('round')"),
        (lambda z: (z > 0).float(), "a comparison ('gt')"),
        (lambda z: z.long().float(), "a cast to integers ('long')"),
        (lambda z: torch.tensor(z.detach().numpy() * 2.0), "detach or no_grad ('detach')"),
    ],
)
def test_where_a_numbers_gradient_is_lost(function: Callable[[Any], Any], why: str) -> None:
    found = diagnose(Through(function), {"num": ROWS["num"]})
    (num,) = found.inputs
    assert not num.differentiable
    assert num.why == f"its gradients are lost at {why}"


def test_no_grad_is_said_with_its_layer() -> None:
    class Frozen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scores = nn.Linear(3, 3)

        def forward(self, x: Any) -> Any:
            with torch.no_grad():
                return self.scores(x)

    model = nn.Sequential(Frozen(), nn.Linear(3, 1))
    (found,) = diagnose(model, ROWS["num"]).inputs
    assert found.why == (
        "its gradients are lost at detach or no_grad ('linear' in layer '0.scores', under torch.no_grad())"
    )


def test_features_that_would_have_no_attribution_are_named_with_the_reason() -> None:
    class Partly(nn.Module):
        def forward(self, num: Any, unused: Any, stepped: Any) -> Any:
            return num[:, 0] + num[:, 1].round() + (stepped > 0).float().sum(1)

    rows = {"num": ROWS["num"] * 3, "unused": ROWS["num"], "stepped": ROWS["num"] - 0.1}
    found = diagnose(Partly(), rows)
    why = {each.name: each.why for each in found.zero}
    assert list(why) == ["num[1]", "num[2]", "unused", "stepped"]
    assert why["num[1]"].startswith("the output changes with it, by steps that have no gradient")
    assert why["num[2]"] == "the output does not change with it on the rows that were tried"
    assert why["unused"] == "no output depends on it"
    assert why["stepped"] == "its gradients are lost at a comparison ('gt')"
    assert [each.differentiable for each in found.inputs] == [True, False, False]


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_torchscript_is_tried_and_not_looked_into() -> None:
    class Ids(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.head = nn.Embedding(5, 2), nn.Linear(2, 1)

        def forward(self, cat: torch.Tensor) -> torch.Tensor:
            return self.head(self.table(cat))

    numbers = nn.Sequential(nn.Linear(3, 2), torch.jit.script(nn.Linear(2, 1)))
    assert diagnose(numbers, ROWS["num"]).inputs[0].differentiable
    (found,) = diagnose(torch.jit.script(Ids()), {"cat": ROWS["cat"]}).inputs
    assert found.why == "integers, in TorchScript, which cannot be looked into: load the model as a plain module"


@pytest.mark.parametrize("kind", ["lstm", "attention", "convolution"])
def test_layers_behind_an_embedding_are_seen_through(kind: str) -> None:
    class Text(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.head = nn.Embedding(9, 8), nn.Linear(8, 1)
            self.lstm = nn.LSTM(8, 8, batch_first=True)
            self.attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.convolution = nn.Conv1d(8, 8, 3)

        def forward(self, ids: Any) -> Any:
            vectors = self.words(ids)
            if kind == "lstm":
                return self.head(self.lstm(vectors)[0].mean(1))
            if kind == "attention":
                return self.head(self.attention(vectors).mean(1))
            return self.head(self.convolution(vectors.transpose(1, 2)).mean(2))

    found = diagnose(Text(), {"ids": np.arange(8).reshape(2, 4)})
    assert found.layers == {"ids": "words"}
    assert (found.zero, found.problems) == ((), ())


def test_integers_that_are_numbers_are_said() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 1)

        def forward(self, counts: Any) -> Any:
            return self.head(counts.float())

    (found,) = diagnose(Counts(), {"counts": np.arange(6).reshape(2, 3)}).inputs
    assert found.why == "integers that the model uses as numbers: give floats"


def test_layers_that_depend_on_each_other_are_shown_and_refused_together() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Embedding(6, 3)

        def forward(self, ids: Any) -> Any:
            return torch.tanh(self.inner(ids))

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.outer, self.body = Outer(), nn.Linear(6, 1)

        def forward(self, a: Any, b: Any) -> Any:
            return self.body(torch.cat([self.outer(a), self.outer.inner(b)], 1))

    rows = {"a": np.arange(4), "b": np.arange(1, 5)}
    found = diagnose(Both(), rows)
    assert found.dependent == (("outer.inner", "outer"),)
    found = diagnose(Both(), rows, layers={"a": "outer", "b": "outer.inner"})
    with pytest.raises(LayerError, match=r"'outer\.inner' and 'outer' depend on each other, .* would count twice"):
        found.require()


def test_a_layer_behind_another_is_dependent() -> None:
    class Chained(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Embedding(5, 2), nn.Embedding(5, 2)

        def forward(self, a: Any, b: Any) -> Any:
            code = b + 0 * self.first(a).sum(1).long()
            return self.second(code).sum(1) + self.first(a).sum(1)

    found = diagnose(
        Chained(), {"a": np.arange(4), "b": np.arange(4)[::-1].copy()}, layers={"a": "first", "b": "second"}
    )
    assert ("first", "second") in found.dependent
    assert any("'first' and 'second' depend on each other" in each for each in found.problems)


def test_the_model_is_untouched() -> None:
    model = Tabular().train()
    model.body.eval()
    model.body.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    diagnose(model, ROWS, layers={"cat": "embed_cat"})
    assert_as_found(model, before)


def test_the_model_is_untouched_after_an_exception() -> None:
    class Raising(Tabular):
        def forward(self, num: Any, cat: Any) -> Any:
            super().forward(num, cat)
            raise ArithmeticError("in the middle")

    model = Raising().train()
    model.body.eval()
    model.body.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ArithmeticError, match="in the middle"):
        diagnose(model, ROWS)
    assert_as_found(model, before)


def assert_as_found(model: Any, before: dict[str, Any]) -> None:
    assert model.training
    assert model.embed_cat.training
    assert not model.body.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert [p.requires_grad for p in (model.embed_cat.weight, model.body.weight, model.body.bias)] == [
        True,
        False,
        True,
    ]
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.is_grad_enabled()
    assert not any(hasattr(parameter, "_ig_path") for parameter in model.parameters())


def test_a_diagnosis_travels_as_json() -> None:
    import json

    found = diagnose(Tabular(), ROWS, layers={"cat": "body"})
    assert Diagnosis.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert "embed_cat (5 x 2)" in str(found)


@pytest.mark.parametrize(
    ("inputs", "layers", "message"),
    [
        ({"nun": ROWS["num"], "cat": ROWS["cat"]}, None, "the model takes no 'nun'; did you mean 'num'?"),
        (ROWS, {"kat": "embed_cat"}, "layers: 'kat' is not an input; did you mean 'cat'?"),
        ({"num": ROWS["num"], "cat": ROWS["cat"][:2]}, None, "give arrays of the same number of rows"),
        ({"num": ROWS["num"], "cat": np.array(["a"] * 6)}, None, "torch takes no <U1; give the ids"),
    ],
)
def test_what_cannot_be_looked_at_is_one_line(inputs: Any, layers: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        diagnose(Tabular(), inputs, layers=layers)


def test_something_that_is_no_model_is_refused() -> None:
    with pytest.raises(InputError, match=r"neither a torch\.nn\.Module nor a keras\.Model"):
        diagnose(object(), ROWS)


class InPlace(Tabular):
    """Numbers and ids that are changed where they lie."""

    def forward(self, num: Any, cat: Any) -> Any:
        vectors = self.embed_cat(cat)
        cat.zero_()
        num *= 2
        return self.body(torch.cat([num, vectors], dim=1))


def test_what_a_model_changes_in_place_stays_as_it_was_given() -> None:
    given = {name: array.copy() for name, array in ROWS.items()}
    given["num"] = given["num"].astype(np.float32)  # as the model takes them, so that no copy is made on the way
    before = {name: array.copy() for name, array in given.items()}
    found = diagnose(InPlace(), given)
    assert {each.name: (each.differentiable, each.proposed) for each in found.inputs} == {
        "num": (True, None),
        "cat": (False, "embed_cat"),
    }
    assert not found.zero
    for name, array in before.items():
        np.testing.assert_array_equal(given[name], array)


class Codes(nn.Module):
    """Two codes and two numbers side by side in one matrix of floats."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tables = nn.ModuleList([nn.Embedding(3, 2), nn.Embedding(4, 2)])
        self.body = nn.Linear(6, 1)

    def forward(self, x: Any) -> Any:
        codes = [table(x[:, place].long()) for place, table in enumerate(self.tables)]
        return self.body(torch.cat([x[:, 2:], *codes], dim=1))


@pytest.mark.parametrize("seed", range(8))
def test_codes_in_a_matrix_of_floats_stay_inside_their_tables(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.column_stack([rng.integers(0, 3, 6), rng.integers(0, 4, 6), rng.normal(size=(6, 2))]).astype(np.float32)
    constant = rows.copy()
    constant[:, :2] = [0, 3]
    for given in (rows, constant, rows[:1]):
        found = diagnose(Codes(), given)
        assert [each.name for each in found.zero] == ["x[0]", "x[1]"]
        assert all("by steps that have no gradient" in each.why for each in found.zero)
