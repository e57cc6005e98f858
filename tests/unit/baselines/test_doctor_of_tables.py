"""The baseline doctor of a model with many embedding tables opens the model as often as with few."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import lookup
from ig_tasks.baselines.doctor import judge_baselines


def with_tables(framework: str, columns: int) -> tuple[Any, dict[str, str]]:
    """The sum of what `columns` tables of one number give, and the layers of the inputs c0, c1, ..."""
    if framework == "torch":
        import torch

        class Sum(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.tables = torch.nn.ModuleList([torch.nn.Embedding(4, 1) for _ in range(columns)])

            def forward(self, **given: Any) -> Any:
                return sum(table(given[f"c{k}"])[:, 0] for k, table in enumerate(self.tables))

        model = Sum().double()
        for table in model.tables:
            table.weight.data[:, 0] = torch.tensor([0.0, 1.0, 2.0, 4.0])
        return model, {f"c{k}": f"tables.{k}" for k in range(columns)}
    import keras

    inputs = [keras.Input((), name=f"c{k}", dtype="int32") for k in range(columns)]
    layers = [keras.layers.Embedding(4, 1, name=f"table_{k}", dtype="float64") for k in range(columns)]
    given = [layer(one) for one, layer in zip(inputs, layers, strict=True)]
    model = keras.Model(inputs, keras.layers.Add(dtype="float64")(given))
    for layer in layers:
        layer.set_weights([np.array([[0.0], [1.0], [2.0], [4.0]])])
    return model, {f"c{k}": f"table_{k}" for k in range(columns)}


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_the_model_is_opened_as_often_for_many_tables_as_for_few(
    framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    open_backend = lookup.open_backend
    monkeypatch.setattr(lookup, "open_backend", lambda *given: opened.append(1) or open_backend(*given))
    counts = []
    for columns in (2, 7):
        model, layers = with_tables(framework, columns)
        inputs = {name: np.array([1, 2, 3, 3]) for name in layers}
        opened.clear()
        judged = judge_baselines(model, inputs, layers=layers, baselines=["auto"])
        counts.append(len(opened))
        # The mean vector of a table is (1 + 2 + 4 + 4) / 4; every feature lies 1.25 from it on average.
        np.testing.assert_allclose(judged["auto"].abs_mean, [1.25] * columns)
        assert judged["auto"].identical_rows == 0
    assert counts[0] == counts[1]
