"""Which workers are ended, and which shards are given up, by how long they have been at work."""

from ig_tasks.cluster.pace import FIRST_SECONDS, LEAST_SECONDS, TIMES
from ig_tasks.cluster.slow_tasks import Running
from ig_tasks.orchestration.shard_watch import stuck
from ig_tasks.orchestration.stuck_shards import Stuck, StuckShards


def at(worker, seconds):
    return Running(f"tcp://{worker}", seconds)


def test_a_shard_over_its_limit_is_given_to_another_worker_and_given_up_after_a_second_one():
    looking = StuckShards(60.0)
    assert looking.look({"shard-000000": at("one", 60.0), "shard-000001": at("two", 5.0)}) == Stuck((), (), 60.0)
    assert looking.look({"shard-000000": at("one", 61.0)}) == Stuck(("tcp://one",), (), 60.0)
    assert looking.look({"shard-000000": at("two", 1.0)}) == Stuck((), (), 60.0)
    assert looking.look({"shard-000000": at("two", 62.0)}) == Stuck(("tcp://two",), ("shard-000000",), 60.0)


def test_the_pace_of_those_that_ended_is_the_limit_where_none_is_given():
    looking = StuckShards("auto")
    assert looking.look({"shard-000000": at("one", 100.0), "shard-000001": at("two", 40.0)}).seconds == FIRST_SECONDS
    # The first of them ended, after 100 s at least.
    found = looking.look({"shard-000001": at("two", 101 * TIMES)})
    assert found == Stuck(("tcp://two",), (), 100 * TIMES)
    assert 100 * TIMES > LEAST_SECONDS


def test_a_shard_that_was_over_its_limit_says_nothing_of_the_pace():
    looking = StuckShards("auto")
    looking.look({"shard-000000": at("one", 30.0)})
    assert looking.look({"shard-000001": at("one", 2 * FIRST_SECONDS)}).seconds == TIMES * 30.0
    assert looking.look({"shard-000002": at("one", 1.0)}).seconds == TIMES * 30.0


def test_the_event_names_the_shard_and_its_limit():
    assert stuck(["shard-000003"], 90.0) == {
        "status": "failed",
        "shards": ["shard-000003"],
        "why": "shard-000003 was not done within 90 s, also by a second worker; see compute.shard_timeout",
        "limit": 90.0,
    }
