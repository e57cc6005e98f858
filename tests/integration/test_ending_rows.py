"""A row that ends the process, wherever the model is called: in the trial, an ablation, crossed runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.labelled import drawn_rows, write_labelled

from ig_tasks import cli
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import WorkerLostError
from ig_tasks.spec import ComputeSpec, load_spec
from ig_tasks.stages.careful_calls import call_one
from ig_tasks.stages.crossed_runs import CrossedRuns, CrossTask, Substitution
from ig_tasks.stages.planning import plan_run
from ig_tasks.stages.run_plan import RunPlan
from ig_tasks.store import Folder, RunFolder
from ig_tasks.store.report import Report

pytestmark = pytest.mark.usefixtures("undrawn")

WEIGHTS = {"a": 1.0, "b": -0.5}
DEADLY, WHY = 5, "the model ends its process (exit status 3)"
CALL = "        return self.weights(numeric)"


@pytest.fixture(scope="module", autouse=True)
def soon() -> Any:
    """One worker that died is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
        yield


def project(root: Path, value: float) -> Path:
    """A spec whose model ends its process with numbers above 50; one row has a value of its own."""
    rows = drawn_rows(3, WEIGHTS, rows=60, days=6)
    rows.loc[DEADLY, "a"] = value
    path = write_labelled(root, rows, WEIGHTS)
    (code,) = root.rglob("model.py")
    code.write_text(code.read_text().replace(CALL, f"        import os; (numeric > 50).any() and os._exit(3)\n{CALL}"))
    return path


class Finished:
    """A run of a project with one worker, or without."""

    def __init__(self, root: Path, value: float, workers: int) -> None:
        self.path = project(root, value)
        settings = [f"compute.workers={workers}", "partition=2013-01", "baseline=zero", "verdicts.unstable.rows=0"]
        self.settings = dict(one.split("=") for one in settings) | {"store": str(root / "runs")}
        arguments = [part for one in settings for part in ("--set", one)]
        self.code = cli._run(["run", str(self.path), *arguments, "--store", str(root / "runs")])
        (manifest,) = (root / "runs").glob("*/*/manifest.json")
        self.folder = manifest.parent
        self.report = Report.from_json((self.folder / "report.json").read_bytes())

    @property
    def plan(self) -> RunPlan:
        return plan_run(load_spec(self.path, settings={**self.settings, "compute.workers": 1}))

    def rows(self) -> pd.DataFrame:
        return pd.concat([pd.read_parquet(file) for file in sorted(self.folder.glob("attributions/*.parquet"))])

    def task(self, **more: Any) -> CrossTask:
        plan, run = self.plan, RunFolder(str(self.folder), "", self.folder.name)
        digest = run.read_json("manifest.json")["key_parts"]["baseline"]
        return CrossTask(
            model=plan.model, space=plan.target.space, baseline_uri=run.uri, baseline_digest=digest,
            shard=plan.shards()[0], data_digest=plan.data_digest(), cluster=None, attribution=plan.spec.attribution,
            memory_limit=plan.memory_limit, **more,
        )  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finished]:
    """A run with the deadly row, and one in which that row has no number: a run quarantines it for that."""
    return {
        "ends": Finished(tmp_path_factory.mktemp("ends"), 60.0, workers=1),
        "control": Finished(tmp_path_factory.mktemp("control"), np.nan, workers=0),
    }


def test_a_run_is_as_if_the_row_had_not_been_there_in_trial_shards_and_ablation(finished: dict[str, Finished]) -> None:
    ends, control = finished["ends"], finished["control"]
    assert (ends.code, control.code) == (0, 0)
    quarantine = pd.read_parquet(ends.folder / "quarantine.parquet")
    assert quarantine["reason"].tolist() == [WHY]
    attributed = [column for column in control.rows() if column.startswith("attribution:")]
    pd.testing.assert_frame_equal(ends.rows()[attributed], control.rows()[attributed], check_exact=True)
    of_ends, of_control = (
        {gain.feature: (gain.gain, gain.se) for gain in run.report.quality[0].gains} for run in (ends, control)
    )
    assert of_ends == of_control
    assert len(of_ends) == 3
    assert ends.report.quality[0].ablation_rows == 59


def test_a_value_that_a_row_is_given_ends_the_process_and_that_row_alone_is_left_out(
    finished: dict[str, Finished], tmp_path: Path
) -> None:
    """The deadly value comes from the other period: which row it is given to depends on all of them."""
    plan = finished["ends"].plan
    swapped = Substitution("a", True, plan.shards()[0], plan.data_digest(), seed=0)
    task = finished["control"].task(substitution=swapped)
    said: list[str] = []
    with ComputeSession(ComputeSpec(workers=1)) as session:
        (found,) = CrossedRuns(Folder(str(tmp_path)), session, say=said.append).rows([task])
    (line,) = [line for line in said if "is left out" in line]
    assert line.endswith(f"is left out: {WHY}")
    assert found.given is not None
    assert len(set(found.given) - set(found.positions)) == 1


def test_work_that_ends_its_process_with_every_row_is_told_as_before(finished: dict[str, Finished]) -> None:
    def always(task: CrossTask) -> None:
        import os

        os._exit(3)

    with ComputeSession(ComputeSpec(workers=1)) as session, pytest.raises(WorkerLostError) as caught:
        call_one(session, always, finished["control"].task(), key="try-model", resources={}, say=lambda _: None)
    assert "try-model: 1 workers died one after the other while they tried the model on a few rows" in str(caught.value)
