"""Dask's own log in the process of a run: a lost connection is said by us, in one line."""

from __future__ import annotations

import logging

__all__ = ["quieten_dask"]


def quieten_dask() -> None:
    """Keep Dask and tornado from writing tracebacks of connections that broke; call it when distributed is imported.

    What they log below CRITICAL in this process is about connections to a scheduler, which the run's errors name.
    """
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in ("distributed", "tornado")]
    for name in ("distributed", "tornado.application", *names):
        logging.getLogger(name).setLevel(logging.CRITICAL)
