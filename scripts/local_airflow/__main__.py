"""`python -m scripts.local_airflow up|run`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from ig_tasks.errors import IgTasksError
from scripts.local_airflow.follow import follow_run
from scripts.local_airflow.home import USER, AirflowHome
from scripts.local_airflow.server import LocalAirflow, end_leftovers, free_port, running

_PORT = 8080


def main(arguments: Sequence[str] | None = None) -> int:
    """Start Airflow and keep it up, or run DAGs by it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.local_airflow", description=__doc__)
    parser.add_argument("--project", type=Path, default=Path.cwd(), help="folder that holds dags/ (default: here)")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start Airflow and keep it up until Ctrl-C")
    up.add_argument("--port", type=int, default=_PORT, help=f"of the user interface (default: {_PORT})")
    commands.add_parser("down", help="end an Airflow of this project that was left running")
    run = commands.add_parser("run", help="run DAGs one after the other, each to its end")
    run.add_argument("dag_ids", nargs="+", metavar="DAG_ID")
    run.add_argument("--partition", help="the partition to explain (default: as in the spec)")
    given = parser.parse_args(arguments)
    home = AirflowHome.of_project(given.project.absolute())
    # SIGINT too: a shell starts what it puts into the background with that signal ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        if given.command == "run":
            return _run(home, given.dag_ids, given.partition)
        if given.command == "down":
            end_leftovers(home)
            return 0
        return _up(home, given.port)
    except IgTasksError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        if given.command == "up":
            _say("Airflow was stopped")
            return 0
        _say("interrupted; run again to continue where it stopped")
        return 130


def _up(home: AirflowHome, port: int) -> int:
    there = running(home)
    if there is not None:
        _say(f"Airflow is up already: {_where(there)}")
        return 0
    with LocalAirflow(home, port=_port(port), say=_say) as airflow:
        _say(f"Airflow is up: {_where(airflow)}. Ctrl-C ends it; its logs lie in {home.logs}")
        airflow.wait()
    return 0


def _run(home: AirflowHome, dag_ids: Sequence[str], partition: str | None) -> int:
    code = 0
    with _airflow(home) as airflow:
        for dag_id in dag_ids:
            airflow.wait_for_dag(dag_id)
            airflow.api.ensure_pools_of(dag_id)
            if airflow.is_ours and airflow.api.end_unfinished(dag_id):
                _say(f"{dag_id}: an earlier run was stopped half-way; this one goes on from what it has stored")
            airflow.api.unpause(dag_id)
            # By its Param: a key would have to be of the timetable's format, which a range is not.
            run_id = airflow.api.trigger(dag_id, conf={"partition": partition} if partition else {})
            _say(f"{dag_id}: triggered{f' for {partition}' if partition else ''}")
            outcome = follow_run(airflow.api, dag_id, run_id, say=_say, logs=home.path / "logs")
            if outcome.state == "success":
                _say(f"{dag_id}: done in {outcome.seconds:.0f} s")
                print(outcome.ref.get("page_uri") or outcome.ref.get("report_uri"), flush=True)  # noqa: T201
            else:
                _say(f"{dag_id}: {outcome.error}")
                code = 3
    return code


@contextmanager
def _airflow(home: AirflowHome) -> Iterator[LocalAirflow]:
    """The Airflow of `make airflow` if it is up, else one for the time being."""
    there = running(home)
    if there is not None:
        _say(f"using the Airflow that is up on {there.url}")
    manager: Any = nullcontext(there) if there is not None else LocalAirflow(home, triggerer=False, say=_say)
    with manager as airflow:
        yield airflow


def _where(airflow: LocalAirflow) -> str:
    return f"{airflow.url}, user {USER}, password {airflow.home.password()} (from {airflow.home.passwords})"


def _port(wanted: int) -> int:
    """The wanted port, or another if someone listens there."""
    import socket

    with socket.socket() as probe:
        probe.settimeout(1.0)
        taken = probe.connect_ex(("127.0.0.1", wanted)) == 0
    if not taken:
        return wanted
    other = free_port()
    _say(f"port {wanted} is taken; using {other}")
    return other


_BEGAN = time.monotonic()


def _say(line: str) -> None:
    print(f"[{time.monotonic() - _BEGAN:5.1f} s] {line}", file=sys.stderr, flush=True)  # noqa: T201


def _interrupt(number: int, frame: Any) -> None:  # noqa: ARG001 - a signal handler's signature
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
