"""Nothing is answered to people who are not logged in, and nothing leaves but pages."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.routing import Route
from starlette.testclient import TestClient

from ig_tasks.errors import DamagedError, ReportError, RunError, SpecError, StoreError
from ig_tasks.web.security import CONTENT_SECURITY_POLICY

FILLED = {
    "name": "flights",
    "run_id": "2013-01-a",
    "feature": "dep_delay",
    "row_id": "7",
    "download": "report.json",
    "dag_id": "ig_flights",
    "task_id": "publish_report",
    "map_index": "-1",
    "file": "ig.css",
    "file:path": "ig.css",
}


def addresses(app: FastAPI) -> list[str]:
    found = []
    for route in app.routes:
        path = route.path  # type: ignore[attr-defined]
        for name, value in FILLED.items():
            path = path.replace(f"{{{name}}}", value)
        assert "{" not in path, f"{path}: fill it in"
        found.append(path)
    return found


def test_every_address_is_refused_without_a_login(app: FastAPI) -> None:
    client = TestClient(app)
    for address in [*addresses(app), "/docs", "/redoc", "/openapi.json", "/no/such/page/at/all", "/-/static/ig.js"]:
        answer = client.get(address)
        assert answer.status_code == 401, address
        assert "flights" not in answer.text, address


def test_what_cannot_be_checked_is_refused_and_says_nothing(app: FastAPI) -> None:
    answer = TestClient(app, headers={"who": "broken"}).get("/")
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_there_is_no_description_of_the_interface(client: TestClient) -> None:
    for address in ("/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect"):
        assert client.get(address).status_code == 404


def test_every_response_carries_the_headers_errors_too(app: FastAPI) -> None:
    client = TestClient(app, headers={"who": "all"}, raise_server_exceptions=False)

    def broken() -> None:
        raise RuntimeError("stack trace")

    app.router.routes.insert(0, Route("/-/broken", lambda request: broken()))
    for address in ("/", "/flights", "/nothing", "/-/static/ig.css", "/-/broken"):
        answer = client.get(address)
        assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "stack trace" not in answer.text
        assert "Traceback" not in answer.text
    assert client.get("/-/broken").status_code == 500
    assert client.get("/flights").headers["Cache-Control"] == "no-store"
    assert "script-src 'self';" in CONTENT_SECURITY_POLICY
    assert "unsafe-eval" not in CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'self'" in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed(client: TestClient, method: str) -> None:
    answer = client.request(method, "/flights")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StoreError("store s3://secret-place: cannot be opened (no credentials for key AKIA)"), 503),
        (RunError("store /srv/secret-place: report.json cannot be read"), 503),
        (SpecError("/srv/secret-place/spec.yaml: data: unknown key"), 503),
        (DamagedError("/srv/secret-place/report.json is damaged"), 409),
        (ReportError("/srv/secret-place/a: there is no report"), 404),
    ],
)
def test_no_place_of_the_server_leaves_with_a_mistake(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(app.state.catalogue, "report", broken)
    answer = client.get("/flights/2013-01-a")
    assert answer.status_code == status
    assert "secret-place" not in answer.text
    assert "AKIA" not in answer.text


def test_a_head_is_answered_as_a_get_is(client: TestClient) -> None:
    for address in ("/", "/flights", "/flights/2013-01-a/download/report.json", "/-/static/ig.css", "/nothing"):
        head, got = client.head(address), client.get(address)
        assert head.status_code == got.status_code, address
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
        assert head.content == b""


@pytest.mark.parametrize("address", ["/flights/2013-01-a?a=" + "1" * 17_000, "/" + "a" * 17_000])
def test_an_address_of_many_letters_is_refused_and_not_repeated(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 414
    assert "longer than 16,384 letters" in answer.text
    assert len(answer.text) < 60_000


def test_who_may_read_one_spec_sees_no_trace_of_others(app: FastAPI) -> None:
    ana = TestClient(app, headers={"who": "ana"})
    assert ana.get("/flights/2013-01-a").status_code == 200
    hidden, absent = ana.get("/loans/all-b"), ana.get("/missing/all-b")
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert hidden.text == absent.text
    assert "flights" in ana.get("/").text
    assert "loans" not in ana.get("/").text
    assert TestClient(app, headers={"who": "nobody"}).get("/flights").status_code == 404


def test_websockets_are_refused(app: FastAPI) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), TestClient(app).websocket_connect("/"):
        pass
