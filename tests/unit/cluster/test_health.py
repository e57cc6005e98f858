"""The containers' health checks, as far as they need no Dask (the rest: integration/test_compose_commands.py)."""

from __future__ import annotations

import pytest

from ig_tasks.cluster.health import main, workers_of_this_host


def test_a_worker_is_of_this_host_when_its_port_is_open_here() -> None:
    workers = {
        "tcp://172.20.0.4:40001": {"name": "exact"},
        "tcp://172.20.0.4:40002": {"name": "every address"},
        "tls://[fd00::4]:40003": {"name": "version 6"},
        "tcp://172.20.0.5:40001": {"name": "another host"},
        "tcp://172.20.0.4:40009": {"name": "gone"},
    }
    listening = {("172.20.0.4", 40001), ("0.0.0.0", 40002), ("fd00::4", 40003), ("127.0.0.1", 40009)}  # noqa: S104
    mine = workers_of_this_host(workers, listening)
    assert sorted(str(worker["name"]) for worker in mine.values()) == ["every address", "exact", "version 6"]


@pytest.mark.parametrize("arguments", [[], ["scheduler"], ["nanny", "tcp://a:1"], ["worker", "tcp://a:1", "GPU", "x"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith("usage: ")


def test_an_address_that_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scheduler", "carrier-pigeon://loft:1"]) == 1
    assert capsys.readouterr().err.startswith("no Dask scheduler answers at carrier-pigeon://loft:1: ")
