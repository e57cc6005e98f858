"""Runs without workers: each shard is a call in this process, so that a test can stand between one and the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ig_tasks import pipeline
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.spec import ComputeSpec
from ig_tasks.stages import worker_models
from ig_tasks.stages.run_reference import RunReference


@contextmanager
def inline() -> Iterator[ComputeSession]:
    """A session of `compute.workers: 0`, whatever a spec says; it finds no model that was loaded before."""
    worker_models.forget()
    with ComputeSession(ComputeSpec(workers=0)) as session:
        yield session
    worker_models.forget()


def all_stages(spec: Any, session: Any, lines: list[str] | None = None) -> RunReference:
    """The five stages in order; returns the last reference."""
    log = (lines if lines is not None else []).append
    ref = pipeline.load_model(spec, session=session, log=log)
    ref = pipeline.build_baseline(spec, ref, session=session, log=log)
    ref = pipeline.compute_attributions(spec, ref, session=session, log=log)
    ref = pipeline.validate(spec, ref, session=session, log=log)
    return pipeline.publish_report(spec, ref, log=log)
