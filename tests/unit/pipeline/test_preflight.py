"""What a run needs of its surroundings is asked all at once, and what is missing is one line within seconds."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from support.tiny import write_project

from ig_tasks.cluster import session as session_module
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.cluster.sizing import Machine
from ig_tasks.errors import IgTasksError, ResourceError, StoreError, UnreachableError
from ig_tasks.pipeline import preflight
from ig_tasks.pipeline.checkup import Checkup
from ig_tasks.pipeline.preflight import require_surroundings
from ig_tasks.spec import ExplanationSpec, load_spec


@pytest.fixture
def spec(tmp_path: Path) -> ExplanationSpec:
    return load_spec(write_project(tmp_path, rows=4, compute={"workers": 0}))


def with_compute(spec: ExplanationSpec, **keys: Any) -> ExplanationSpec:
    return spec.model_copy(update={"compute": spec.compute.model_copy(update={"workers": "auto", **keys})})


def said(spec: ExplanationSpec) -> IgTasksError:
    """What `ig-tasks check` says, in one line."""
    with pytest.raises(IgTasksError) as caught, Checkup(spec):
        pass
    assert "\n" not in str(caught.value)
    return caught.value


def test_surroundings_that_are_there_are_no_matter(spec: ExplanationSpec) -> None:
    require_surroundings(spec, ComputeSession(spec.compute))


def test_a_store_and_a_model_that_do_not_answer_are_named_within_the_limit(
    spec: ExplanationSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    monkeypatch.setattr(preflight, "PREFLIGHT_SECONDS", 0.05)
    remote = spec.model_copy(update={"model": spec.model.model_copy(update={"uri": "s3://models/tiny"})})
    with monkeypatch.context() as patch:
        patch.setattr(preflight, "filesystem_of", lambda uri: never.wait())
        with pytest.raises(
            UnreachableError, match=r"^model\.uri s3://models/tiny: no answer within 0\.05 s; see to the"
        ):
            require_surroundings(remote)
    with monkeypatch.context() as patch:
        patch.setattr(preflight, "require_writable_store", lambda spec: never.wait())
        with pytest.raises(UnreachableError, match=r"^store .*: no answer within 0\.05 s"):
            require_surroundings(remote)


def test_a_host_that_answers_whatever_it_says_is_the_business_of_whoever_reads_there(
    spec: ExplanationSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(uri: str) -> Any:
        raise PermissionError(uri)

    monkeypatch.setattr(preflight, "filesystem_of", refused)
    require_surroundings(spec.model_copy(update={"model": spec.model.model_copy(update={"uri": "s3://models/tiny"})}))


def test_what_comes_first_is_said_first_though_it_takes_longer(
    spec: ExplanationSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()

    def unwritable(spec: ExplanationSpec) -> None:
        told.wait()
        raise StoreError("store: no")

    def no_scheduler(self: ComputeSession) -> None:
        told.set()
        raise UnreachableError("compute.address: no")

    monkeypatch.setattr(preflight, "require_writable_store", unwritable)
    monkeypatch.setattr(ComputeSession, "require_reachable", no_scheduler)
    assert str(said(spec)) == "store: no"


def test_no_scheduler_no_answer_no_certificate_and_no_gpu_are_said_by_check_in_one_line(
    spec: ExplanationSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = said(with_compute(spec, address="tcp://127.0.0.1:1", worker_timeout=0.2))
    assert isinstance(nobody, UnreachableError)
    assert str(nobody).startswith("compute.address: no Dask scheduler answers at tcp://127.0.0.1:1 (")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert f"{address} (not within 0.2 s)" in str(said(with_compute(spec, address=address, worker_timeout=0.2)))
    assert "this process has no certificate" in str(said(with_compute(spec, address="tls://127.0.0.1:1")))
    monkeypatch.setattr(session_module.Machine, "here", classmethod(lambda cls: Machine(2, 8 * 10**9)))
    missing = said(with_compute(spec, resources={"GPU": 1.0}))
    assert isinstance(missing, ResourceError)
    assert str(missing).startswith(
        "compute.resources asks for GPU=1, which workers started on this machine do not offer"
    )
