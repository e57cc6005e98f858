"""What people and programs send that no link of ours holds: refused in one line, or harmless.

Every page is found by a walk over the application's routes, so that a new one is asked too.
"""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount
from starlette.testclient import TestClient
from support.stored_rows import of_features, put_run

from ig_tasks.web.app import create_app
from ig_tasks.web.catalogue import Catalogue

GOOD = {
    "name": "flights", "run_id": "2013-01-a", "feature": "dep_delay", "row_id": "7", "download": "rows.csv",
    "file": "ig.css", "dag_id": "ig_flights",
}  # fmt: skip
SECRET = "SECRET-OUTSIDE-THE-STORE"
PATHS = [
    "..", "../", "..%2f", "..%2f..%2fsecret.txt", "%2e%2e", "%2e%2e%2f%2e%2e%2fsecret.txt", "%252e%252e%252fsecret.txt",
    "..%5c..%5csecret.txt", "~..", "~...", "~-secret.txt", "~...~-secret.txt", "....%2f%2fsecret.txt", "{secret}",
    "file:{secret}", "file:%2f%2f%2fetc%2fpasswd", "%2fetc%2fpasswd", "s3:%2f%2fbucket%2fkey",
    "http:%2f%2f127.0.0.1",
    "memory:%2f%2fx", "C:%5cwindows%5cwin.ini", "%00", "flights%00", "%0d%0aSet-Cookie:%20a=b", "%ff%fe",
    "%c0%ae%c0%ae",
    "%E2%80%AE", "%3Cscript%3Ealert(1)%3C%2fscript%3E", "%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E", "'%20OR%20'1'='1",
    "%7B%7B1337*1337%7D%7D", "$%7B1337*1337%7D", "*", "?", "%25", "-", "_index", "latest.json", "packages",
    "manifest.json", "x" * 5000,
]  # fmt: skip
VALUES = [
    "", "-1", "0", "1e999", "nan", "9" * 4000, "9223372036854775808", "0x10", "1;DROP TABLE rows", "' OR 1=1 --",
    '"; SELECT * FROM read_text(\'{secret}\'); --', "../../secret.txt", "%00", "\x00", "\ud7ff\u202e", "[]",
    "{{1337*1337}}",
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "http://evil.example/",
    "read_csv('{secret}')", "igrows://0", "x" * 3000,
]  # fmt: skip
OWN = {
    "/{name}/{run_id}/rows": ("column", "op", "value", "sort", "way", "size", "target", "picture"),
    "/{name}/{run_id}/download/{download}": ("column", "op", "value", "sort", "target"),
}
"""Parameters that pages read from the address themselves."""


def routes(found: list[BaseRoute]) -> Iterator[APIRoute]:
    """All of them, mounts included; anything else than a page of ours is a surprise."""
    for route in found:
        if isinstance(route, Mount):
            yield from routes(list(route.routes or []))
        else:
            assert isinstance(route, APIRoute), route
            yield route


def address(route: APIRoute, **parts: str) -> str:
    return re.sub(r"\{(\w+)(:path)?\}", lambda found: {**GOOD, **parts}.get(found[1], "x"), route.path)


def parameters(route: APIRoute) -> tuple[list[str], list[str]]:
    """The names of the query that a route takes: texts, and others."""
    texts, others, left = [], [], [route.dependant]
    while left:
        dependant = left.pop()
        for field in dependant.query_params:
            (texts if "str" in str(field.field_info.annotation) else others).append(field.alias)
        left += dependant.dependencies
    return texts, others


@pytest.fixture(scope="module")
def place(sample, tmp_path_factory) -> Path:
    """A store of two specs beside a file that nobody may read."""
    root = tmp_path_factory.mktemp("root")
    (root / "secret.txt").write_text(SECRET)
    for name in ("flights", "loans"):
        report = sample.flights_report(**sample.BARE, name=name, partition="2013-01", run_id="2013-01-a")
        put_run(str(root / "store"), report, [of_features(["dep_delay", "carrier"], 30)])
    return root


@pytest.fixture(scope="module")
def client(serve, place) -> TestClient:
    found: TestClient = serve(str(place / "store"))
    return TestClient(found.app, headers={"who": "all"}, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture(scope="module")
def app(client) -> FastAPI:
    held = client.app
    assert isinstance(held, FastAPI)
    return held


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def require_harmless(answer: Any, *, allowed: tuple[int, ...] = (400, 404)) -> None:
    """No stack trace, nothing from outside the store, no tag of the request's, and a status that is meant."""
    assert answer.status_code in allowed, answer.text[:300]
    text = answer.text
    assert SECRET not in text
    assert "root:x:0" not in text
    assert "Traceback" not in text
    assert not re.search(r"File \"[^\"]*\.py\"", text)
    for tag, attributes in Tags(text).found if "html" in answer.headers.get("Content-Type", "") else ():
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert not str(attributes.get("href", "")).startswith("javascript:")
        assert tag != "script" or attributes.get("src") or attributes.get("type") == "application/json"
    assert "Set-Cookie" not in answer.headers
    assert "1787569" not in text
    if answer.status_code >= 400 and "html" in answer.headers["Content-Type"] and "<form" not in text:
        line = re.search(r"<p>(.*?)</p>", text, re.DOTALL)
        assert line is not None
        assert "\n" not in line[1].strip()


@pytest.mark.parametrize("part", sorted(GOOD))
@pytest.mark.parametrize("hostile", PATHS, ids=lambda text: text[:30])
def test_a_name_in_a_path_is_matched_and_never_followed(app, client, place, part, hostile) -> None:
    written = hostile.replace("{secret}", str(place / "secret.txt").replace("/", "%2f"))
    for route in routes(app.routes):
        if f"{{{part}}}" not in route.path and f"{{{part}:path}}" not in route.path:
            continue
        if part in ("name", "run_id") and route.path.count("/") > 3:
            continue  # the same lookup as that of the shorter addresses
        asked = address(route, **{part: written})
        answer = client.get(asked)
        # Where dots lead to another page of ours before anything is asked, that page answers.
        # A tab of Airflow's says that there is no report yet.
        moved = route.path.startswith("/-/dags/") or re.match(r"^(\.\.|%2e%2e|-|\?)", written)
        require_harmless(answer, allowed=(200, 400, 404) if moved else (400, 404))


@pytest.mark.parametrize("hostile", VALUES, ids=lambda text: ascii(text)[1:30])
def test_a_value_in_a_query_is_refused_in_one_line_or_harmless(app, client, place, hostile) -> None:
    written = hostile.replace("{secret}", str(place / "secret.txt"))
    for route in routes(app.routes):
        if route.path.startswith(("/-/static", "/-/dags")):
            continue
        texts, others = parameters(route)
        own = [{name: written} for name in OWN.get(route.path, ())]
        asked = [dict.fromkeys(texts, written), *({name: written} for name in others), *own]
        for query in asked:
            if "op" in query or "value" in query:
                query = {"column": "output", "op": "ge", "value": "0"} | query
            require_harmless(client.get(address(route), params=query), allowed=(200, 400, 404, 414))


def test_every_route_is_refused_without_a_login_mounts_included(app) -> None:
    bare = TestClient(app, raise_server_exceptions=False)
    found = list(routes(app.routes))
    assert len(found) >= 9
    for route in found:
        for method in ("GET", "HEAD", "POST", "OPTIONS", "PUT"):
            assert bare.request(method, address(route)).status_code in (401, 403), (method, route.path)
        assert bare.get(address(route, name="..", run_id="x", download="%00")).status_code in (401, 403, 400)


def test_no_route_is_a_coroutine_that_could_read_the_store_while_others_wait(app) -> None:
    assert [route.path for route in routes(app.routes) if inspect.iscoroutinefunction(route.endpoint)] == []


def test_who_may_read_one_spec_gets_its_pages_and_no_others(serve, place) -> None:
    ana = serve(str(place / "store"), "ana", ana=["flights"])
    for route in routes(ana.app.routes):
        if "{name}" not in route.path:
            answer = ana.get(address(route, dag_id="ig_loans"))
            assert answer.status_code in (200, 404)
            assert "loans" not in answer.text.replace("/-/dags/ig_loans", "").replace("ig_loans", "")
            continue
        assert ana.get(address(route)).status_code == 200, route.path
        refused, absent = ana.get(address(route, name="loans")), ana.get(address(route, name="absent"))
        assert (refused.status_code, refused.text) == (404, absent.text), route.path


DAMAGES = {
    "half": lambda text: text[: len(text) // 2],
    "empty": lambda text: b"",
    "zeros": lambda text: b"\0" * len(text),
    "no JSON": lambda text: b"<html>",
    "a list": lambda text: b"[]",
    "deep": lambda text: b"[" * 100_000,
    "another's": lambda text: text.replace(b"a", b"b"),
}


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        *(("report.json", damage) for damage in DAMAGES),
        *(("manifest.json", damage) for damage in ("half", "a list", "deep")),
        *(("attributions/shard-000000.parquet", damage) for damage in ("half", "another's")),
    ],
)
def test_a_damaged_file_is_one_line_on_every_page(sample, serve, tmp_path, file, damage) -> None:
    report = sample.flights_report(**sample.BARE, name="flights", partition="2013-01", run_id="2013-01-a")
    run = put_run(str(tmp_path / "store"), report, [of_features(["dep_delay", "carrier"], 30)])
    client = serve(str(tmp_path / "store"))
    asked = TestClient(client.app, headers={"who": "all"}, raise_server_exceptions=False)
    path = Path(run.path_of(file))
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    for route in routes(client.app.routes):
        require_harmless(asked.get(address(route)), allowed=(200, 400, 404, 409))


def test_a_report_of_a_later_version_says_so(sample, serve, tmp_path) -> None:
    report = sample.flights_report(**sample.BARE, name="flights", partition="2013-01", run_id="2013-01-a")
    later = report.model_copy(update={"schema_version": "9.0"})
    store = str(tmp_path / "store")
    put_run(store, report, [of_features(["dep_delay", "carrier"], 30)])
    client = serve(store)
    shutil.rmtree(tmp_path / "store" / "flights" / "2013-01-a")
    put_run(store, later, [of_features(["dep_delay", "carrier"], 30)])
    other = TestClient(create_app(Catalogue(store), client.app.state.access), headers={"who": "all"})
    answer = other.get("/flights/2013-01-a")
    require_harmless(answer, allowed=(409,))
    assert "later version" in answer.text


def test_a_run_that_disappears_between_two_clicks_is_one_line(sample, serve, tmp_path) -> None:
    store = tmp_path / "store"
    for run_id in ("2013-01-a", "2013-02-b"):
        report = sample.flights_report(**sample.BARE, name="flights", partition=run_id[:7], run_id=run_id)
        put_run(str(store), report, [of_features(["dep_delay", "carrier"], 30)])
    client = serve(str(store))
    overview = client.get("/flights")
    assert "2013-01-a" in overview.text
    shutil.rmtree(store / "flights" / "2013-01-a")
    for route in routes(client.app.routes):
        if "{run_id}" in route.path:
            require_harmless(client.get(address(route)), allowed=(200, 404, 409))
    assert client.get("/flights/2013-01-a/rows").status_code in (404, 409)
    assert client.get("/flights/2013-02-b/rows").status_code == 200
    shutil.rmtree(store)
    for route in routes(client.app.routes):
        if "{run_id}" in route.path:
            require_harmless(client.get(address(route, run_id="2013-02-b")), allowed=(200, 404, 409, 503))
