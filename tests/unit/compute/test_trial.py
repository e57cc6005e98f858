"""A model is tried on a few rows before a run, and what no attribution can be right for is refused there."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.tiny import MODEL_CODE, write_project

from ig_tasks.compute.planning import plan_run
from ig_tasks.compute.tasks import TrialTask, try_model
from ig_tasks.errors import ModelError
from ig_tasks.spec import load_spec

ALWAYS = "torch.nn.functional.dropout(torch.tanh(self.hidden(joined)), 0.5)"
WHERE_TRAINED = "torch.nn.functional.dropout(torch.tanh(self.hidden(joined)), 0.5, self.training)"


def trial(root: Path, hidden: str) -> TrialTask:
    path = write_project(root, rows=40)
    code = MODEL_CODE.replace("torch.tanh(self.hidden(joined))", hidden)
    (root / "include" / "models" / "tiny" / "model.py").write_text(code)
    plan = plan_run(load_spec(path))
    return TrialTask(plan.model, plan.shards()[0], {})


def test_a_model_that_draws_lots_is_refused_with_two_of_its_outputs_for_one_row(tmp_path: Path) -> None:
    message = r"^model\.uri: the model at .*tiny called twice on one row gives -?\d\S* and -?\d\S*; switch off dropout"
    with pytest.raises(ModelError, match=message):
        try_model(trial(tmp_path, ALWAYS))


def test_dropout_that_is_there_in_training_alone_passes(tmp_path: Path) -> None:
    assert try_model(trial(tmp_path, WHERE_TRAINED))["target"] == "late"
