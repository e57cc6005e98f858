"""`ig-tasks serve`: this machine alone, whoever has the printed address, and no other host's pages."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from http.cookiejar import CookieJar

import pytest
from starlette.testclient import TestClient

from ig_tasks.web.app import create_app
from ig_tasks.web.catalogue import Catalogue
from ig_tasks.web.token_access import TokenAccess, served

PORT = 8765
HERE = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def access() -> TokenAccess:
    return TokenAccess(PORT)


@pytest.fixture
def client(store: str, access: TokenAccess) -> TestClient:
    app = served(create_app(Catalogue(store, fresh_for=0.0), access), access)
    return TestClient(app, base_url=HERE, follow_redirects=False)


def test_the_token_becomes_a_cookie_once_and_leaves_the_address(client: TestClient, access: TokenAccess) -> None:
    answer = client.get(access.address + "&q=torch&down=true")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ig/?q=torch&down=true")
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=Strict"} <= {part.strip() for part in cookie.split(";")[1:]}
    assert access.address.partition("token=")[2] not in cookie
    text = client.get("/ig/").raise_for_status().text
    assert 'href="/ig/flights"' in text
    assert client.get("/ig/flights/2013-01-a").status_code == 200
    client.cookies.clear()
    assert client.get(access.address).status_code == 401


@pytest.mark.parametrize(
    "path", ["/", "/ig/", "/ig/flights", "/ig/-/static/ig.css", "/ig/?token=x", "/ig/?token=%00é", "/x"]
)
def test_without_it_nothing_is_shown(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"Cookie": f"ig_tasks_{PORT}=guess; ig_tasks_1=x"})
    assert answer.status_code == 401
    assert "flights" not in answer.text.replace(path, "")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "127.0.0.1",
        f"127.0.0.1.evil.example:{PORT}",
        "",
        f"127.0.0.1:{PORT + 1}",
    ],
)
def test_another_host_is_refused_with_token_and_with_cookie(client: TestClient, access: TokenAccess, host: str) -> None:
    assert client.get(access.address, headers={"Host": host}).status_code == 403
    client.get(access.address)
    assert client.get("/ig/").status_code == 200
    for path in ("/", "/ig/", "/ig/flights", "/ig/-/static/ig.css"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 403
        assert "flights" not in answer.text.replace(path, "")


def test_only_a_get_takes_the_token(client: TestClient, access: TokenAccess) -> None:
    assert client.post(access.address).status_code in (401, 405)
    assert client.get(access.address).status_code == 303


def test_the_root_leads_to_the_pages(client: TestClient, access: TokenAccess) -> None:
    client.get(access.address)
    assert client.get("/").headers["Location"] == "/ig/"


def test_the_command_serves_without_airflow_and_ends_by_a_signal(store: str) -> None:
    program = (
        "import sys; from ig_tasks.cli import _run; code = _run(['serve', sys.argv[1]]);"
        "heavy = {'airflow', 'torch', 'tensorflow', 'distributed', 'great_expectations'} & set(sys.modules);"
        "print(f'heavy {sorted(heavy)}', file=sys.stderr); sys.exit(code)"
    )
    with subprocess.Popen(
        [sys.executable, "-u", "-c", program, store], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
            assert "flights" in opener.open(address, timeout=60).read().decode()
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(address, timeout=60)  # noqa: S310 - our own server
        finally:
            process.send_signal(2)
        _, said = process.communicate(timeout=60)
    assert "heavy []" in said
