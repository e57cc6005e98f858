"""Runs whose store is an object store: begun, killed and gone on with, as on a disk."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.object_store import bucket, names_below
from support.patience import PATIENCE, until
from support.programs import ig_tasks
from support.tiny import write_project

from ig_tasks.store import Folder, RunFolder

pytestmark = pytest.mark.slow

SHARDS = 60


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with bucket(tmp_path_factory.mktemp("moto")) as uri:
        yield uri


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(
        tmp_path_factory.mktemp("project"), rows=200, compute={"workers": 0, "shard_rows": 5}, partition="all"
    )


def command(spec: Path, store: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "ig_tasks.cli", "run", str(spec), "--store", store, *more]


def finish(spec: Path, store: str, *more: str) -> str:
    done = subprocess.run(command(spec, store, *more), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def run_of(store: str) -> RunFolder:
    (run_id,) = [name for name in Folder(f"{store}/tiny").names() if name.startswith("all-")]
    return RunFolder(f"{store}/tiny/{run_id}", "tiny", run_id)


def numbers(store: str) -> dict[str, object]:
    """Everything that a run computed, bit by bit, and the report without times and provenance."""
    run = run_of(store)
    files = [f"{folder}/{name}" for folder in ("attributions", "quarantine") for name in run.names(folder)]
    report = run.read_json("report.json")
    told = {key: value for key, value in report.items() if key not in {"created_at", "provenance", "timing"}}
    return {**{name: run.read_bytes(name) for name in [*files, "importance.parquet"]}, "report": told}


def test_a_run_that_was_killed_goes_on_where_it_stopped(spec: Path, store: str, tmp_path: Path) -> None:
    """What lies in the store when the run goes on is not what its first listing of each folder said."""
    killed, undisturbed = f"{store}/killed", str(tmp_path / "undisturbed")
    with (tmp_path / "killed.log").open("wb") as log:
        process = subprocess.Popen(command(spec, killed), stdout=log, stderr=log)
        try:

            def finished() -> int:
                assert process.poll() is None, (tmp_path / "killed.log").read_text()
                return sum("/statistics/" in name for name in names_below(killed))

            until(lambda: finished() >= 5, "the first shards")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    before = names_below(killed)
    # As if it had died between two files of one shard.
    half = next(name for name in reversed(before) if "/statistics/" in name)
    run_of(killed).remove(half.split("/", 2)[2])
    there = sum("/statistics/" in name for name in names_below(killed))
    assert 4 <= there < SHARDS
    # By a worker: what it writes lies in no listing that the process of the run has seen.
    said = finish(spec, killed, "--set", "compute.workers=1")
    assert f"{there} of {SHARDS} shards were finished by an earlier attempt" in said
    assert ig_tasks("run", str(spec), "--store", undisturbed).returncode == 0
    assert numbers(killed) == numbers(undisturbed)


def test_a_file_that_another_process_wrote_after_the_listing_is_there(store: str) -> None:
    reader, writer = Folder(f"{store}/listed"), Folder(f"{store}/listed")
    writer.filesystem = type(writer.filesystem)(skip_instance_cache=True)
    writer.write_bytes("folder/first", b"1")
    assert reader.names("folder") == ["first"]
    assert not reader.exists("folder/second")
    writer.write_bytes("folder/second", b"2")
    assert reader.exists("folder/second")
    assert reader.size("folder/second") == 1
    with reader.opened("folder/second") as handle:
        assert handle.read() == b"2"
    writer.remove("folder/first")
    assert not reader.exists("folder/first")
