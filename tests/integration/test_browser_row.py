"""The code that the page of a row shows computes the row anew, and gives what is stored of it."""

import re
from html import unescape

import pytest
from starlette.testclient import TestClient
from support.inline import all_stages, inline
from support.tiny import write_project

from ig_tasks.spec import load_spec
from ig_tasks.store.stored_run import StoredRun
from ig_tasks.web.access import User
from ig_tasks.web.app import create_app
from ig_tasks.web.catalogue import Catalogue
from ig_tasks.web.queries import RunRows


class Anybody:
    async def user_of(self, connection):
        return User("anybody")

    def readable(self, user, names):
        return set(names)

    def outside(self, connection):
        return "http://127.0.0.1"


def test_the_code_on_the_page_of_a_row_gives_the_stored_row(tmp_path, monkeypatch):
    spec = load_spec(write_project(tmp_path, rows=60))
    with inline() as session:
        ref = all_stages(spec, session)
    stored = StoredRun.at(ref.run_uri)
    rows = RunRows.of(stored)
    row = rows.page(number=1, columns=["row_id"], offset=17).rows[0]
    held = rows.row(row["row_id"])
    client = TestClient(create_app(Catalogue(str(tmp_path / "runs")), Anybody()))
    page = client.get(f"/tiny/{stored.folder.run_id}/rows/{held['row_id']}").raise_for_status().text
    code = unescape(re.search('<pre class="again"[^>]*><code>(.*?)</code>', page, re.DOTALL)[1])

    monkeypatch.chdir(tmp_path)
    found = {}
    exec(code, found)  # noqa: S102 - what a reader copies
    computed = found["explanation"].to_frame().iloc[0]
    names = [name for name in held if name.startswith("attribution:")]
    size = sum(abs(held[name]) for name in names)
    assert len(names) == 3
    for name in names:
        assert computed[name] == pytest.approx(held[name], abs=1e-5 * size)
    assert computed["output"] == pytest.approx(held["output"], rel=1e-5)
    for name in ("input:a", "input:kind"):
        assert computed[name] == held[name]
