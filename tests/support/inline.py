"""Runs without workers: each shard is a call in this process, so that a test can stand between one and the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ig_tasks import pipeline
from ig_tasks.cluster import job
from ig_tasks.stages import baseline_job, explain_job, kept_results, worker_models
from ig_tasks.stages.run_reference import RunReference


class InlineSession:
    """What a stage asks of a session when `inline` is in force."""

    workers = 1

    def close(self) -> None:
        """Nothing was started."""


def _map_shards(_session: Any, function: Any, tasks: Any, *, rows: Any, progress: Any, **_: Any) -> Iterator[Any]:
    for index, task in enumerate(tasks):
        result = function(**task)
        progress.advance(rows[index])
        yield index, result


@contextmanager
def inline() -> Iterator[InlineSession]:
    """Functions over shards are called here, in order, as long as the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (job, baseline_job, explain_job, kept_results):
            patch.setattr(module, "map_shards", _map_shards)
        worker_models.forget()
        yield InlineSession()
        worker_models.forget()


def all_stages(spec: Any, session: Any, lines: list[str] | None = None) -> RunReference:
    """The five stages in order; returns the last reference."""
    log = (lines if lines is not None else []).append
    ref = pipeline.load_model(spec, session=session, log=log)
    ref = pipeline.build_baseline(spec, ref, session=session, log=log)
    ref = pipeline.compute_attributions(spec, ref, session=session, log=log)
    ref = pipeline.validate(spec, ref, session=session, log=log)
    return pipeline.publish_report(spec, ref, log=log)
