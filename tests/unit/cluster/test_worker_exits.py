"""What is read off the logs of workers that ended, and what to do about it."""

import re

import pytest

from ig_tasks.cluster.worker_exits import ENDED, WorkerExits, remedy

STAMP = "2026-11-22 17:12:48,762 - distributed.nanny - WARNING - "
BUDGET = STAMP + "Worker tcp://127.0.0.1:1 (pid=1) exceeded 95% memory budget. Restarting...\n"
RESTARTING = STAMP + "Restarting worker (status=Status.running)\n"


@pytest.mark.parametrize(
    ("logs", "memory", "words"),
    [
        ([""], False, []),
        ([f"{ENDED}3\n{RESTARTING}{ENDED}3\n"], False, ["one ended with exit status 3"]),
        ([f"{ENDED}-11\n{RESTARTING}", f"{ENDED}-6\n"], False, ["one ended with SIGSEGV, SIGABRT"]),
        ([f"{ENDED}-9\n{RESTARTING}"], True, ["one ended with SIGKILL"]),
        ([f"{BUDGET}{ENDED}-15\n{RESTARTING}"], True, ["one took more, and was ended"]),
        ([f"goodbye\n{ENDED}1\n{RESTARTING}"], False, ["one ended with exit status 1", "a worker wrote: goodbye"]),
        ([f"{ENDED}-77\n"], False, ["one ended with signal 77"]),
    ],
)
def test_how_workers_ended_is_told_without_what_dask_writes(logs, memory, words):
    exits = WorkerExits.of(logs)
    assert (exits.memory, exits.words()) == (memory, words)


KILLED, EXITED, UNKNOWN = WorkerExits((-9,)), WorkerExits((3,)), WorkerExits()


@pytest.mark.parametrize(
    ("doing", "ends", "workers", "said"),
    [
        ("loading", KILLED, 4, "whatever compute.shard_rows is: make compute.workers smaller"),
        ("trying", KILLED, 1, "whatever compute.shard_rows is: run it on a machine with more memory"),
        ("trying", EXITED, 1, "it is not memory: .* alone .ig_tasks.load_model. to see where"),
        ("loading", UNKNOWN, None, "alone .ig_tasks.load_model. .* give the workers more memory"),
        ("computing", KILLED, 4, "^make compute.shard_rows or compute.workers smaller$"),
        ("computing", UNKNOWN, None, "^make compute.shard_rows or compute.workers smaller$"),
        ("computing", EXITED, 4, "it is not memory: .* on rows of this shard"),
    ],
)
def test_the_remedy_goes_with_what_the_worker_was_at_and_how_it_ended(doing, ends, workers, said):
    found = remedy(doing, ends, workers)
    assert re.search(said, found), found
