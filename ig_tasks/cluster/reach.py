"""Whether an existing scheduler answers: asked before there is a client, which lingers where it cannot connect."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ig_tasks.cluster.versions import FRAMEWORKS
from ig_tasks.errors import ResourceError, UnreachableError, brief

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["installed_versions", "open_client", "require_answer"]

VERSIONS_SECONDS = 10.0
_START = "start it, correct the address, or leave it out to use workers on this machine"
_CERTIFICATE = (
    "set distributed.comm.tls.ca-file, client.cert and client.key of Dask's configuration, or name them in an Airflow "
    "connection of type dask"
)


def require_answer(address: str, seconds: float) -> None:
    """Refuse a scheduler that does not answer in some seconds, or turns this process away.

    Raises:
        UnreachableError: if it does not answer; in one line that says what to do.
        ResourceError: for want of a certificate that it takes.
    """
    # In a thread of its own: a notebook has an event loop in this one.
    with ThreadPoolExecutor(1) as pool:
        refused = pool.submit(lambda: asyncio.run(_asked(address, seconds))).result()
    if refused is not None:
        why, what_helps = refused
        # A scheduler may be starting; a certificate does not come by itself.
        kind = ResourceError if what_helps == _CERTIFICATE else UnreachableError
        raise kind(f"compute.address: no Dask scheduler answers at {address} ({why}); {what_helps}")


async def _asked(address: str, seconds: float) -> tuple[str, str] | None:
    """None where the scheduler answers; else why not, and what helps."""
    from distributed import Security
    from distributed.comm.core import FatalCommClosedError
    from distributed.core import rpc

    encrypted = address.startswith("tls://")
    try:
        connection: dict[str, Any] = Security().get_connection_args("client")
        if encrypted and connection.get("ssl_context") is None:
            return "it is to be reached by TLS, and this process has no certificate", _CERTIFICATE
        async with (
            asyncio.timeout(seconds),
            rpc(address, timeout=seconds, connection_args=connection, deserialize=False) as scheduler,
        ):
            await scheduler.identity(n_workers=0)
    except FatalCommClosedError:
        return "its certificate and this process's do not fit together", _CERTIFICATE
    except TimeoutError:
        return f"not within {seconds:g} s", _START
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        tls = "if it speaks no TLS, write tcp:// for it" if encrypted else "if it speaks TLS, write tls:// for it"
        return brief(error.__cause__ or error), f"{_START}; {tls}"
    return None


def open_client(address: str, seconds: float, *, security: Any = None) -> Client:
    """A client of the scheduler at `address`, which has some seconds to answer; never this process's default client.

    A client that could not connect lies in cycles of references, and its end waits for a lock which the next client
    holds while its loop starts: where the garbage collector came in that thread, the next one failed after 10 s with a
    bare AssertionError. So it is collected here, where nothing is held.

    Raises:
        OSError: if the scheduler does not answer.
        TypeError: if the address asks for TLS and no certificate is at hand.
        ValueError: if it is no address.
    """
    from distributed import Client

    options = {} if security is None else {"security": security}
    failure: Exception
    try:
        return Client(address, timeout=seconds, set_as_default=False, **options)
    except (OSError, TypeError, ValueError) as error:
        error.__cause__ = error.__context__ = None  # their tracebacks hold the client as well
        failure = error.with_traceback(None)
    gc.collect()
    raise failure


def installed_versions(client: Client, say: Callable[[str], None]) -> Mapping[str, Any]:
    """What client, scheduler and workers have installed; of none but this process where a worker does not answer."""
    from distributed.versions import get_versions

    packages = ["ig-tasks", *FRAMEWORKS]
    try:
        answer: dict[str, Any] = client.sync(client._get_versions, packages=packages, callback_timeout=VERSIONS_SECONDS)
    except (TimeoutError, OSError):
        say("a Dask worker does not answer; versions were not compared")
        own = get_versions(packages=packages)
        return {"client": own, "scheduler": own, "workers": {}}
    return answer
