"""Many small shards are few tasks; what an attempt at some of them has finished is not computed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.inline import inline
from support.tiny import write_project

from ig_tasks import pipeline
from ig_tasks.spec import load_spec
from ig_tasks.stages import explain_job


def test_a_task_that_is_done_again_computes_what_is_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 shards in tasks of 10; a worker is lost after 13, with a table of one that it had finished."""
    monkeypatch.setattr(explain_job, "_FEWEST_TASKS", 3)
    spec = load_spec(
        write_project(tmp_path, rows=60, compute={"workers": 0, "shard_rows": 2}),
        settings={"partition": "2013-01", "store": str(tmp_path / "runs")},
    )
    computed: list[str] = []
    keys: list[str] = []
    usual, usual_map = explain_job.explain_shard, explain_job.map_shards

    def counted(task: Any) -> Any:
        computed.append(task.shard.name)
        return usual(task)

    def lost_once(session: Any, function: Any, tasks: Any, **others: Any) -> Iterator[Any]:
        keys.extend(others["keys"])
        work = tasks[1]["work"]

        def dies(task: Any) -> Any:
            if len(computed) == 13:
                raise KeyboardInterrupt
            return work(task)

        with suppress(KeyboardInterrupt):
            for task in tasks:
                function(work=dies, tasks=task["tasks"])
        next(Path(tmp_path / "runs").rglob("attributions/shard-000011.parquet")).write_bytes(b"PAR1")
        return usual_map(session, function, tasks, **others)

    monkeypatch.setattr(explain_job, "explain_shard", counted)
    monkeypatch.setattr(explain_job, "map_shards", lost_once)
    with inline() as session:
        ref = pipeline.build_baseline(spec, pipeline.load_model(spec, session=session), session=session)
        ref = pipeline.compute_attributions(spec, ref, session=session)
        assert ref.rows is not None
        assert ref.rows.explained == 60
    names = [f"shard-{number:06d}" for number in range(30)]
    assert computed == [*names[:13], names[11], *names[13:]]
    assert [key.partition("shard")[2] for key in keys] == ["-000000..000009", "-000010..000019", "-000020..000029"]
