"""Every page is there, is found under its address wherever the browser is mounted, and escapes what it shows."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from ig_tasks.presentation import colours
from ig_tasks.web.addresses import Addresses, from_segment, segment
from ig_tasks.web.static_files import static_file

PAGES = ("/", "/flights", "/flights/2013-01-a", "/flights/2013-01-a/features/dep_delay", "/flights/2013-01-a/rows",
         "/flights/2013-01-a/rows/7", "/-/compare")  # fmt: skip


@pytest.mark.parametrize("address", PAGES)
def test_a_page_has_one_heading_landmarks_and_no_inline_script(client: TestClient, address: str) -> None:
    text = client.get(address).raise_for_status().text
    assert len(re.findall("<h1[ >]", text)) == 1
    assert all(f"<{landmark}" in text for landmark in ("header", "nav", "main", "footer"))
    assert all('src="' in tag for tag in re.findall("<script[^>]*>", text))
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
    text = client.get("/flights/2013-03-a?revision=2&segment=a%2Fb").text
    assert 'href="https://airflow.example/flights/2013-03-a?revision=2&amp;segment=a%2Fb"' in text


@pytest.mark.parametrize(
    "name", ["carrier", "a/b", "..", ".", "", "~", "a~b~-c", "~.", "ü %2F?#", "\\\\x", "a\nb", "~...", "..."]
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


def test_light_colours_are_those_of_the_file_report() -> None:
    found = static_file("ig.css")
    assert found is not None
    for name, colour in colours.PAGE.items():
        assert f"--{name}: light-dark({colour}, " in found.content.decode(), name


def test_dark_colours_can_be_read() -> None:
    found = static_file("ig.css")
    assert found is not None
    dark = dict(re.findall(r"--(\w+): light-dark\(#\w+, (#\w+)\)", found.content.decode()))
    for name in ("ink", "soft", "accent", "raises", "lowers", "good", "care", "bad"):
        for behind in ("paper", "panel", "alarm"):
            assert contrast(dark[name], dark[behind]) >= 4.5, (name, behind)


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [part / 255 for part in colours.rgb(colour)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
