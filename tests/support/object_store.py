"""An object store on this machine: moto's S3, in a process of its own, forgotten with it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.local_services import free_port
from support.patience import until

__all__ = ["bucket", "names_below"]

BUCKET = "reports"


@contextlib.contextmanager
def bucket(folder: Path) -> Iterator[str]:
    """The URI of an empty bucket; this process and those that it starts find it by their environment meanwhile."""
    import httpx

    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "MOTO_S3_CUSTOM_ENDPOINTS": address}
    log = (folder / "moto.log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
    )  # fmt: skip
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", address)
            patch.setenv("AWS_ACCESS_KEY_ID", "testing")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")

            def answers() -> bool:
                assert server.poll() is None, (folder / "moto.log").read_text()
                with contextlib.suppress(httpx.TransportError):
                    return httpx.put(f"{address}/{BUCKET}", trust_env=False).is_success
                return False

            until(answers, "moto's server")
            yield f"s3://{BUCKET}"
    finally:
        server.kill()
        server.wait()
        log.close()


def names_below(uri: str) -> list[str]:
    """Every object below a URI, asked for anew."""
    import s3fs

    filesystem = s3fs.S3FileSystem(use_listings_cache=False)
    prefix = uri.removeprefix("s3://")
    return sorted(str(path).removeprefix(f"{prefix}/") for path in filesystem.find(prefix))
