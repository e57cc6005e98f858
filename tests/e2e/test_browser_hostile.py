"""Reports whose names are attacks, in Chromium: no page of the browser runs, asks or says anything of theirs."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from support.browser import Everybody, serving
from support.stored_rows import of_features, put_run

from ig_tasks.reports.indexing import mend_index
from ig_tasks.web.addresses import Addresses

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SAMPLE = Path(__file__).parents[1] / "unit" / "reports" / "sample_report.py"
NAMES = [
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'><svg/onload=alert(1)>",
    "javascript:alert(1)//{{1337*1337}}${alert(1)}\u202e\x00</title></textarea>",
]


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and the paths of every kind of page for each hostile name."""
    if not Path(CHROMIUM).exists():
        pytest.skip("needs chromium: apt-get install chromium")
    sample = runpy.run_path(str(SAMPLE))
    store, to, paths = str(tmp_path_factory.mktemp("store")), Addresses(""), ["/"]
    for place, name in enumerate(NAMES):
        where = {
            "name": f"flights_{place}",
            "run_id": f"2013-{place}-a",
            "partition": name,
            "tags": (name,),
            "owner": name,
        }
        report = sample["hostile_report"](name).model_copy(update=where)
        rows = of_features(["dep_delay", name], 12)
        rows["row_id"] = [f"{name}{row}" for row in range(12)]
        rows[f"segment:{name}"] = name
        rows[f"input:{name}"] = name
        put_run(store, report, [rows])
        run = (report.name, report.run_id)
        assert list(mend_index(store, report.name))
        condition = {"column": f"input:{name}", "op": "contains", "value": name[:20], "sort": f"attribution:{name}"}
        paths += [
            to.model(report.name),
            to.report(*run),
            to.feature(*run, name),
            to.rows(*run),
            to.rows(*run, **condition),
        ]
        paths += [to.row(*run, f"{name}3"), to.rows(*run, column=name, op=name, value=name), to.row(*run, name)]
        paths += [to.overview(q=name, tag=name, owner=name), to.compare(a=name, b=name)]
    with serving(store, Everybody(NAMES[0])) as address:
        yield address, paths


def test_no_hostile_name_is_obeyed_on_any_page(served) -> None:
    base, paths = served
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page()
        page.on("dialog", lambda dialog: (said.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: said.append(f"error {error}"))
        page.on("request", lambda asked: asked.url.startswith((base, "data:")) or said.append(f"asked {asked.url}"))
        page.on(
            "console",
            lambda line: (
                line.type in ("error", "warning")
                and "Failed to load resource: the server responded with a status of 40" not in line.text
                and said.append(f"console {line.text}")
            ),
        )
        for path in paths:
            answer = page.goto(base + path)
            assert answer is not None
            assert answer.status in (200, 400, 404), path
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.querySelectorAll('[onerror],[onload],img[src=\"x\"]').length") == 0, path
            assert page.evaluate("document.querySelectorAll('h1').length") == 1, path
            assert not said, path
        browser.close()
    assert len(paths) > 25
