"""A model is tried on a few rows before a run, and what no attribution can be right for is refused there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny import KINDS, MODEL_CODE, MODEL_YAML, write_package, write_project

from ig_tasks.errors import ModelError
from ig_tasks.spec import load_spec
from ig_tasks.stages.model_trial import TrialTask, try_model
from ig_tasks.stages.planning import plan_run
from ig_tasks.stages.soundness import doubt_of_space

OUT = "self.out(torch.tanh(self.hidden(joined)))"
HIDDEN = "torch.tanh(self.hidden(joined))"
ALWAYS = f"torch.nn.functional.dropout({HIDDEN}, 0.5)"
WHERE_TRAINED = f"torch.nn.functional.dropout({HIDDEN}, 0.5, self.training)"
BATCH = f"({HIDDEN} - {HIDDEN}.mean(0))"


def trial(
    root: Path, hidden: str = HIDDEN, rows: int = 40, out: str = OUT, space: str = "logit", **kind: Any
) -> TrialTask:
    path = write_project(root, rows=rows)
    inputs = {**MODEL_YAML["inputs"], "kind": {**MODEL_YAML["inputs"]["kind"], **kind}}
    targets = {"late": {"space": space}}
    package = write_package(root / "include" / "models" / "tiny", inputs=inputs, targets=targets)
    (package / "model.py").write_text(MODEL_CODE.replace(OUT, out).replace(HIDDEN, hidden))
    plan = plan_run(load_spec(path))
    return TrialTask(plan.model, plan.shards()[0], {})


@pytest.mark.parametrize(
    ("hidden", "message"),
    [
        (ALWAYS, r"called twice on one row gives -?\d\S* and -?\d\S*; switch off dropout"),
        (BATCH, r"gives -?\d\S* for a row among others and -?\d\S* for the row alone; no row's output may depend"),
        (f"{HIDDEN} * float('nan')", "gives nan for every row that was tried$"),
    ],
)
def test_a_model_without_one_output_for_each_row_is_refused(tmp_path: Path, hidden: str, message: str) -> None:
    with pytest.raises(ModelError, match=r"^model\.uri: the model at .*tiny " + message):
        try_model(trial(tmp_path, hidden))


def test_dropout_that_is_there_in_training_alone_passes(tmp_path: Path) -> None:
    assert try_model(trial(tmp_path, WHERE_TRAINED))["target"] == "late"
    assert try_model(trial(tmp_path, rows=2))["target"] == "late"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            {"vocabulary": [*KINDS, "never", "seen"]},
            r"vocabulary: 5 categories at offset 1: id 5 is outside layer 'embed_kind', which has 0 to 3$",
        ),
        ({"unknown": 9}, r"unknown: id 9 is outside layer 'embed_kind', which has 0 to 3$"),
    ],
)
def test_ids_outside_the_layer_are_found_before_a_row_has_one(
    tmp_path: Path, kind: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=rf"^inputs\.kind\.{message}"):
        try_model(trial(tmp_path, **kind))


@pytest.mark.parametrize("space", [None, "probability"])
def test_a_logit_that_looks_like_a_probability_is_doubted_in_whichever_space_is_explained(
    tmp_path: Path, space: str | None
) -> None:
    task = trial(tmp_path, out=f"torch.sigmoid({OUT})")
    found = try_model(replace(task, model=replace(task.model, space=space)))
    assert re.fullmatch(
        r"targets\.late\.space: model\.yaml says logit, and all 32 outputs that were tried lie within 0 and 1 "
        r"\(0\.\d+ to 0\.\d+\); if the model ends in a sigmoid or softmax, write space: probability",
        found["doubt"],
    )
    assert found["space"] == (space or "logit")


@pytest.mark.parametrize(("out", "space"), [(OUT, "logit"), (f"torch.sigmoid({OUT})", "probability"), (OUT, "value")])
def test_a_space_that_the_outputs_do_not_contradict_is_not_doubted(tmp_path: Path, out: str, space: str) -> None:
    assert try_model(trial(tmp_path, out=out, space=space))["doubt"] is None


@pytest.mark.parametrize(
    ("output", "doubted"),
    [([0.0, 1.0], True), ([0.2, 0.9], True), ([0.2, 1.01], False), ([-0.01, 0.5], False), ([0.5, np.nan], False)],
)
def test_one_output_outside_of_0_to_1_is_enough_for_a_logit(output: list[float], doubted: bool) -> None:
    assert (doubt_of_space("late", "logit", np.array(output)) is not None) is doubted
