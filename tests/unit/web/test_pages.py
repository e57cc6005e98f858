"""Every page is there, is found under its address wherever the browser is mounted, and escapes what it shows."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from ig_tasks.web.addresses import Addresses, from_segment, segment
from ig_tasks.web.palette import palette_css
from ig_tasks.web.static_content import static_file

PAGES = ("/", "/flights", "/flights/2013-01-a", "/flights/2013-01-a/features/dep_delay", "/flights/2013-01-a/rows",
         "/flights/2013-01-a/rows/7", "/-/compare")  # fmt: skip


@pytest.mark.parametrize("address", PAGES)
def test_a_page_has_one_heading_landmarks_and_no_inline_script(client: TestClient, address: str) -> None:
    text = client.get(address).raise_for_status().text
    assert len(re.findall("<h1[ >]", text)) == 1
    assert all(f"<{landmark}" in text for landmark in ("header", "nav", "main", "footer"))
    scripts = re.findall("<script[^>]*>", text)
    assert all('src="' in tag or 'type="application/json"' in tag for tag in scripts)
    assert not re.search(r"\son\w+=", text)


def test_addresses_are_below_the_place_where_it_is_mounted(app: FastAPI) -> None:
    whole = Starlette(routes=[Mount("/ig", app)])
    client = TestClient(whole, headers={"who": "all"}, root_path="/airflow")
    text = client.get("/airflow/ig/flights").raise_for_status().text
    assert 'href="/airflow/ig/flights/2013-01-a' in text
    assert 'href="https://airflow.example/airflow/ig/flights"' in text
    links = re.findall('(?:href|src)="(/[^"]*)"', text)
    assert links
    assert all(link.startswith("/airflow/ig/") for link in links)


def test_the_link_of_a_page_keeps_its_state(client: TestClient) -> None:
    text = client.get("/flights/2013-03-a?revision=2&search=a%2Fb").text
    assert 'href="https://airflow.example/flights/2013-03-a?revision=2&amp;search=a%2Fb"' in text


@pytest.mark.parametrize(
    "name",
    [
        "carrier",
        "a/b",
        "..",
        ".",
        "",
        "~",
        "a~b~-c",
        "~.",
        "ü %2F?#",
        "\\\\x",
        "a\nb",
        "~...",
        "...",
        "a\ud800",
        "~xd800",
        "\udfff~xd800/",
    ],
)
def test_any_name_survives_its_address(name: str) -> None:
    from urllib.parse import unquote

    written = segment(name)
    assert "/" not in unquote(written)
    assert unquote(written) not in ("", ".", "..")
    assert from_segment(unquote(written)) == name


def test_addresses_take_what_they_are_given() -> None:
    to = Addresses("/airflow/ig/")
    assert to.overview() == "/airflow/ig/"
    assert to.report("flights", "New%20York-1", revision=None) == "/airflow/ig/flights/New%2520York-1"
    assert to.rows("flights", "r", segment=["a", "b"]) == "/airflow/ig/flights/r/rows?segment=a&segment=b"


def test_a_spec_may_be_called_as_a_page_is() -> None:
    assert Addresses("").model("compare") != Addresses("").compare()


@pytest.mark.parametrize("revision", ["0", "x", "-1", "9" * 30])
def test_a_revision_that_is_none_is_refused_in_a_line(client: TestClient, revision: str) -> None:
    answer = client.get(f"/flights/2013-03-a?revision={revision}")
    assert answer.status_code == 400
    assert "revision: " in answer.text


def test_static_files_are_looked_up_and_kept_while_they_stay_the_same(client: TestClient) -> None:
    found = static_file("ig.css")
    assert found is not None
    kept = client.get(f"/-/static/ig.css?v={found.stamp}")
    assert "immutable" in kept.headers["Cache-Control"]
    assert "private" in kept.headers["Cache-Control"]
    for name in ("../app.py", "%2e%2e/app.py", "..%2fapp.py", "/etc/passwd", "ig.css%00", "vendor", ""):
        assert client.get(f"/-/static/{name}").status_code == 404


def test_every_page_loads_the_colours_before_its_styles(client: TestClient) -> None:
    page = client.get("/").text
    assert page.index("static/palette.css") < page.index("static/ig.css")
    assert client.get("/-/static/palette.css").text == palette_css()
