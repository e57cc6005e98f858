"""What becomes of a deferred task, by what the store and the scheduler say."""

import pytest

from ig_tasks.cluster.published import Look
from ig_tasks.orchestration.shard_watch import ShardWatch

NAMES = ["shard-000000", "shard-000001", "shard-000002"]


@pytest.fixture
def clock():
    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    return Clock()


def judged(states, finished, *, workers=({},), resources=None, names=NAMES, watch=None):
    watch = watch or ShardWatch(resources or {}, patience=60.0)
    return watch.judge(names, Look(dict(zip(NAMES, states, strict=True)), workers), finished)


def test_every_shard_in_the_store_is_the_end_whatever_the_scheduler_says():
    for states in (["memory"] * 3, [None] * 3, ["processing"] * 3):
        assert judged(states, NAMES) == {"status": "finished", "shards": [], "why": ""}


@pytest.mark.parametrize("state", ["processing", "queued", "waiting", "no-worker", "released"])
def test_a_shard_at_work_is_waited_for(state):
    assert judged(["memory", state, state], NAMES[:1]) is None


@pytest.mark.parametrize("state", ["erred", "memory"])
def test_a_shard_that_ended_without_its_files_has_failed(state):
    event = judged(["memory", state, "processing"], NAMES[:1])
    assert (event["status"], event["shards"]) == ("failed", ["shard-000001"])


def test_what_the_scheduler_does_not_know_is_lost():
    assert judged(["memory", None, None], NAMES[:1])["status"] == "lost"
    assert judged([None] * 3, [], names=None)["status"] == "lost"


def test_a_worker_that_fits_is_waited_for_as_long_as_patience_lasts(clock):
    watch = ShardWatch({"GPU": 1}, patience=60.0, clock=clock)
    states = ["no-worker"] * 3
    assert judged(states, [], workers=({},), watch=watch) is None
    clock.now += 61
    assert judged(states, [], workers=({"GPU": 1},), watch=watch) is None
    assert judged(states, [], workers=({},), watch=watch) is None
    clock.now += 59
    assert judged(states, [], workers=(), watch=watch) is None
    clock.now += 2
    event = judged(states, [], workers=(), watch=watch)
    assert event["status"] == "lost"
    assert event["why"] == "no Dask worker is left that can go on, and none came back in 60 s"


def test_a_clock_on_the_wall_does_not_count(monkeypatch):
    """It may be set back meanwhile."""
    import time

    watch = ShardWatch({}, patience=60.0)
    assert watch.missing("no scheduler answers, and none did") is None
    monkeypatch.setattr(time, "time", lambda: 1e12)
    assert watch.missing("no scheduler answers, and none did") is None
