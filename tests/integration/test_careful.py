"""A shard whose rows end their process, never end or take too much memory is explained in a process that may die."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.inline import inline
from support.tiny import MODEL_CODE, table, write_data, write_project

from ig_tasks import pipeline
from ig_tasks.errors import WorkerLostError
from ig_tasks.spec import load_spec
from ig_tasks.stages import careful
from ig_tasks.stages.careful import explain_carefully
from ig_tasks.stages.planning import plan_run
from ig_tasks.stages.shard_files import quarantine_file
from ig_tasks.stages.tasks import ExplainTask
from ig_tasks.store import RunFolder

pytest.importorskip("torch")

CALL = "        joined ="


@pytest.fixture
def task_of(tmp_path: Path) -> Any:
    """Makes the task of one shard of 36 rows whose model does something first, with `numeric` at hand."""

    def make(code: str, **rows: float) -> ExplainTask:
        path = write_project(tmp_path, rows=36, verdicts={"unstable": {"rows": 0}})
        drawn = table(36, 1)
        write_data(tmp_path / "data", {"2013-01": drawn})
        (tmp_path / "data" / "month=2013-02" / "part-0.parquet").unlink()
        (tmp_path / "include" / "models" / "tiny" / "model.py").write_text(
            "import os, time\n" + MODEL_CODE.replace(CALL, f"        {code}\n{CALL}")
        )
        spec = load_spec(path)
        with inline() as session:
            ref = pipeline.load_model(spec, session=session, log=lambda _: None)
            ref = pipeline.build_baseline(spec, ref, session=session, log=lambda _: None)
        # Now only: before, the model ran in the tests' own process.
        for row, value in rows.items():
            drawn.loc[int(row[1:]), "a"] = value
        write_data(tmp_path / "data", {"2013-01": drawn})
        run, plan = ref.run_folder(), plan_run(spec)
        return ExplainTask(
            model=plan.model,
            shard=plan.shards()[0],
            run_uri=run.uri,
            run_name=run.name,
            run_id=run.run_id,
            data=spec.data,
            attribution=spec.attribution,
            memory_limit=plan.memory_limit,
            keep_inputs=True,
            resources={},
        )

    return make


def test_rows_that_end_the_process_or_never_end_are_named_and_the_rest_is_explained(task_of: Any) -> None:
    task = task_of("v = numeric.max(); v > 90 and os.kill(os.getpid(), 11); v > 50 and time.sleep(1e6)", r33=95, r35=60)
    found = explain_carefully(task, limit=10)
    assert found["refused"] == {
        "1-000033": "the model ends its process (SIGSEGV)",
        "1-000035": "the model does not return within 10 s",
    }
    assert (found["rows_read"], found["rows_explained"], found["rows_quarantined"]) == (36, 34, 2)
    run = RunFolder(task.run_uri, task.run_name, task.run_id)
    assert run.read_table(quarantine_file(task.shard.name)).column("row_id").to_pylist() == ["1-000033", "1-000035"]


def test_a_shard_that_takes_too_much_memory_is_tried_in_smaller_batches(
    task_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = tmp_path / "full"
    full.touch()
    # Killed as a system kills that has no memory left, for as long as it is full.
    task = task_of(f"numeric.max() > 50 and os.path.exists({str(full)!r}) and os.kill(os.getpid(), 9)", r3=60.0)
    monkeypatch.setattr(careful, "_HALVINGS", 1)
    with pytest.raises(
        WorkerLostError, match=r"^shard-000000 \(rows 0 to 35\): the process ended with SIGKILL also with"
    ):
        explain_carefully(task, memory=True)
    full.unlink()
    assert explain_carefully(task, memory=True)["rows_explained"] == 36


def test_a_shard_of_nothing_but_such_rows_is_given_up_after_a_few(
    task_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = task_of("numeric.max() > 50 and os._exit(3)", **{f"r{row}": 60.0 for row in (0, 8, 16)})
    monkeypatch.setattr(careful, "_MOST", 1)
    with pytest.raises(
        WorkerLostError, match=r"more than 1 pieces of it end the process, or never end; call the model"
    ):
        explain_carefully(task)
