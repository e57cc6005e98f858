"""A worker process loads a model once and keeps to its threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import ig_tasks.models
from ig_tasks.cluster.device import choose_device
from ig_tasks.cluster.threads import limit_threads
from ig_tasks.errors import ModelError
from ig_tasks.stages import worker_models


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    worker_models.forget()
    yield
    worker_models.forget()


def test_threads_that_ask_at_once_load_once() -> None:
    loads: list[int] = []

    def load() -> object:
        loads.append(1)
        time.sleep(0.05)
        return object()

    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(worker_models.cached("model", load))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len({id(item) for item in found}) == 1


def test_only_the_models_used_last_are_kept() -> None:
    loads: list[str] = []

    def get(name: str) -> str:
        return worker_models.cached(name, lambda: loads.append(name) or name)  # type: ignore[func-returns-value]

    for name in ("a", "b", "a", "c", "a", "b"):
        get(name)
    assert loads == ["a", "b", "c", "b"]


def test_a_load_that_fails_is_not_remembered() -> None:
    def broken() -> str:
        raise ModelError("broken")

    with pytest.raises(ModelError, match="broken"):
        worker_models.cached("model", broken)
    assert worker_models.cached("model", lambda: "mended") == "mended"


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Stands for the models room: one package; the devices it was loaded on are recorded."""
    devices: list[str | None] = []

    def load(device: str | None = None) -> object:
        devices.append(device)
        return object()

    package = SimpleNamespace(digest="sha256:" + "a" * 64, config=SimpleNamespace(framework="none"), load=load)

    def open_package(uri: str, *, trust: str | None = None, trusted_root: str | None = None) -> Any:
        assert (uri, trust, trusted_root) == ("/model", None, "/")
        return package

    monkeypatch.setattr(ig_tasks.models, "open_package", open_package, raising=False)
    return devices


def test_a_model_is_loaded_once_for_each_device(packages: list[str | None]) -> None:
    digest = "sha256:" + "a" * 64
    first = worker_models.loaded_model("/model", digest, trusted_root="/", device="cpu")
    assert worker_models.loaded_model("/model", digest, trusted_root="/", device="cpu") is first
    worker_models.loaded_model("/model", digest, trusted_root="/", device="cuda")
    assert packages == ["cpu", "cuda"]


def test_a_package_that_changed_during_the_run_is_refused(packages: list[str | None]) -> None:
    with pytest.raises(ModelError, match=r"model\.uri: .* no longer the one that the run began with .*; start"):
        worker_models.loaded_model("/model", "sha256:" + "b" * 64, trusted_root="/")
    assert packages == []


def test_torch_takes_the_planned_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    monkeypatch.setenv("IG_TASKS_THREADS", "3")
    try:
        assert limit_threads("torch") == 3
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_worker_of_others_without_a_plan_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IG_TASKS_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert limit_threads("torch") is None
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # what Dask's nanny sets
    assert limit_threads("none") == 1


def test_the_gpu_is_used_only_when_asked_for_and_there(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device({}) == "cpu"
    assert choose_device({"MEMORY": 1}) == "cpu"
    assert choose_device({"GPU": 1}) == "cuda"
    assert caplog.text == ""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device({"GPU": 1}) == "cpu"
    assert "torch sees none on this worker" in caplog.text
