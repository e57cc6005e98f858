import pytest
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from ig_tasks.errors import SpecError
from ig_tasks.orchestration import DaskHook

TLS = '{"tls_ca_file": "/tls/ca.pem", "tls_client_cert": "/tls/c.pem", "tls_client_key": "/tls/k.pem"}'


@pytest.fixture
def hook(monkeypatch):
    def make(**fields):
        connection = Connection(conn_id="cluster", conn_type="dask", **fields)
        monkeypatch.setattr(DaskHook, "get_connection", classmethod(lambda cls, conn_id: connection))
        return DaskHook("cluster")

    return make


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"host": "scheduler"}, "tcp://scheduler:8786"),
        ({"host": "scheduler", "port": 9000}, "tcp://scheduler:9000"),
        ({"host": "scheduler", "schema": "tls"}, "tls://scheduler:8786"),
        ({"host": "scheduler", "extra": TLS}, "tls://scheduler:8786"),
    ],
)
def test_the_address(hook, fields, address):
    assert hook(**fields).address() == address


def test_plain_tcp_needs_no_configuration(hook):
    assert hook(host="scheduler").configuration() == {}


def test_tls_files_become_dasks_settings(hook):
    assert hook(host="scheduler", extra=TLS).configuration() == {
        "distributed.comm.tls.ca-file": "/tls/ca.pem",
        "distributed.comm.tls.client.cert": "/tls/c.pem",
        "distributed.comm.tls.client.key": "/tls/k.pem",
        "distributed.comm.require-encryption": True,
    }


@pytest.mark.parametrize(
    ("fields", "message"), [({}, "has no host"), ({"host": "x", "schema": "http"}, "protocol 'http'")]
)
def test_a_connection_that_cannot_be_used(hook, fields, message):
    with pytest.raises(SpecError, match=rf"^compute\.connection: 'cluster' .*{message}"):
        hook(**fields).address()


def test_a_connection_that_is_not_there(monkeypatch):
    def absent(cls, conn_id):
        raise AirflowNotFoundException("no")

    monkeypatch.setattr(DaskHook, "get_connection", classmethod(absent))
    with pytest.raises(SpecError, match="there is no Airflow connection 'cluster'; add one of type dask"):
        DaskHook("cluster").address()


def test_the_button_says_what_it_found(hook):
    works, message = hook(host="127.0.0.1", port=1, schema="nonsense").test_connection()
    assert not works
    assert "nonsense" in message
