"""Entry point of the scheduler and worker processes that a run starts: Dask's own, with a watchdog.

`python -P -m ig_tasks.cluster.launch PARENT_PID SCRATCH [SCHEDULER_ADDRESS] --spec JSON`

A run that is killed with -9 can tell nobody. Dask's own timeouts do not help: a scheduler with tasks to run
never counts as idle, and an idle timeout would also end a living run that pauses between two stages. So each
process looks once per second whether its parent still is who started it, and if not, kills its own children,
removes the scratch folder and exits. (A busy worker is a child of Dask's nanny, which never computes.)
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time

import psutil

__all__ = ["end_with_parent", "main"]

POLL_SECONDS = 1.0


def end_with_parent(parent: int, scratch: str, *, poll: float = POLL_SECONDS) -> None:
    """Block until `parent` is no longer this process's parent, then end this process and its children."""
    # The kernel hands an orphan to another process at once, so the number cannot be re-used unnoticed.
    while os.getppid() == parent:
        time.sleep(poll)
    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


def main(arguments: list[str]) -> None:
    """Start the watchdog, then hand the remaining arguments to `dask spec`."""
    parent, scratch, *spec_arguments = arguments
    threading.Thread(target=end_with_parent, args=(int(parent), scratch), name="end-with-parent", daemon=True).start()
    from distributed.cli.dask_spec import main as dask_spec

    dask_spec(args=spec_arguments, standalone_mode=True)


if __name__ == "__main__":
    main(sys.argv[1:])
