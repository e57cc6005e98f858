"""`ig-tasks serve`: the report browser on this machine, without Airflow."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from ig_tasks.errors import ResourceError
from ig_tasks.store import Folder
from ig_tasks.web.app import create_app
from ig_tasks.web.catalogue import Catalogue
from ig_tasks.web.token_access import HOST, TokenAccess, served

__all__ = ["serve"]


def serve(store: str, port: int, say: Callable[[str], None]) -> None:
    """Show a store's reports on 127.0.0.1 until Ctrl-C.

    Args:
        port: 0: any that is free.
        say: takes the address to open, once the server listens.

    Raises:
        StoreError, RunError: if the store cannot be read.
        ResourceError: if somebody listens on the port.
    """
    Folder(store).names()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise ResourceError(f"--port {port}: cannot be listened on ({error.strerror}); give another one") from None
        listener.listen(64)
        access = TokenAccess(int(listener.getsockname()[1]))
        app = served(create_app(Catalogue(store), access), access)
        say(access.address)
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[listener])
