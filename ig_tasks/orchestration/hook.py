"""Airflow connections of type `dask`: where an existing Dask scheduler listens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseHook

from ig_tasks.errors import SpecError

__all__ = ["DaskHook"]

_TLS_FILES = {
    "tls_ca_file": "distributed.comm.tls.ca-file",
    "tls_client_cert": "distributed.comm.tls.client.cert",
    "tls_client_key": "distributed.comm.tls.client.key",
}


class DaskHook(BaseHook):
    """An existing Dask scheduler, by an Airflow connection.

    Host and port (8786 if left out), schema `tcp` or `tls`; for `tls` the extra holds `tls_ca_file`,
    `tls_client_cert` and `tls_client_key`, paths on the machine that runs the task. The connection is read in
    the task and stays there: a worker never sees it.
    """

    conn_name_attr = "dask_conn_id"
    default_conn_name = "dask_default"
    conn_type = "dask"
    hook_name = "Dask"

    def __init__(self, dask_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.dask_conn_id = dask_conn_id

    def address(self) -> str:
        """The scheduler's address, such as `tcp://dask-scheduler:8786`.

        Raises:
            SpecError: if there is no such connection, or it names no host or an unknown protocol.
        """
        connection = self._connection()
        protocol = connection.schema or ("tls" if self._tls_files(connection) else "tcp")
        if not connection.host:
            raise SpecError(f"compute.connection: {self.dask_conn_id!r} has no host; give it the Dask scheduler's")
        if protocol not in {"tcp", "tls"}:
            raise SpecError(
                f"compute.connection: {self.dask_conn_id!r} has the protocol {protocol!r}; give it tcp or tls"
            )
        return f"{protocol}://{connection.host}:{connection.port or 8786}"

    def configuration(self) -> dict[str, Any]:
        """What `dask.config.set` needs to reach this scheduler: the TLS files, nothing for plain tcp."""
        return self._settings(self._tls_files(self._connection()))

    async def aconfiguration(self) -> dict[str, Any]:
        """As `configuration`, for the triggerer."""
        connection = await self.aget_connection(self.dask_conn_id)
        return self._settings(self._tls_files(connection))

    def get_conn(self) -> Any:
        """A `distributed.Client` of the scheduler; close it after use."""
        import dask

        from ig_tasks.cluster.reach import open_client

        with dask.config.set(self.configuration()):
            return open_client(self.address(), 10)

    def test_connection(self) -> tuple[bool, str]:
        """Airflow's "Test" button: whether the scheduler answers, and how many workers it has."""
        try:
            with self.get_conn() as client:
                workers = len(client.scheduler_info(n_workers=-1)["workers"])
        except Exception as error:  # noqa: BLE001 - whatever it is, the form shows it
            return False, str(error)
        return True, f"The scheduler answers and has {workers} workers"

    def _connection(self) -> Any:
        from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

        try:
            return self.get_connection(self.dask_conn_id)
        except (AirflowNotFoundException, AirflowRuntimeError):
            raise SpecError(
                f"compute.connection: there is no Airflow connection {self.dask_conn_id!r}; add one of type dask"
            ) from None

    @staticmethod
    def _settings(files: Mapping[str, str]) -> dict[str, Any]:
        settings: dict[str, Any] = {_TLS_FILES[name]: path for name, path in files.items()}
        if settings:
            settings["distributed.comm.require-encryption"] = True
        return settings

    @staticmethod
    def _tls_files(connection: Any) -> dict[str, str]:
        extra = connection.extra_dejson
        return {name: str(extra[name]) for name in _TLS_FILES if extra.get(name)}
