"""Two reports side by side: of one spec or of two, what differs, and what may not be compared."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.stored_rows import put_run

Serve = Callable[..., TestClient]
DRIFT = {
    "reference": {"name": "flights", "run_id": "2013-01-a", "partition": "2013-01", "rows": 1000},
    "current": {"name": "flights", "run_id": "2013-02-a", "partition": "2013-02", "rows": 1100},
    "comparable": True, "practical": 0.1, "share": 0.01,
    "features": [{
        "target": "late", "feature": "dep_delay", "before": 2.0, "after": 3.0, "change": 1.0, "change_ci": [0.5, 1.5],
        "relative": 0.4, "q_value": 0.001, "state": "changed", "cause": ["model"], "rank_before": 1, "rank_after": 1,
    }],
    "summary": "dep_delay rose by 50 %, because of the model.",
}  # fmt: skip


@pytest.fixture(scope="module")
def body(sample: SimpleNamespace) -> dict[str, Any]:
    found: dict[str, Any] = sample.flights_body(**sample.BARE)
    return found


@pytest.fixture(scope="module")
def reader(
    serve: Serve, sample: SimpleNamespace, body: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> TestClient:
    """`flights` in January and February (compared with January), `loans` in other units, `words` of others."""
    store = str(tmp_path_factory.mktemp("store"))
    rows = body["importance"]
    # In February the second feature has half of its importance, and falls behind the third.
    halved = [
        row | {"abs_mean": row["abs_mean"] / 2, "abs_mean_ci": [end / 2 for end in row["abs_mean_ci"]], "rank": 3}
        if place == 1
        else row | {"rank": 2}
        if place == 2
        else row
        for place, row in enumerate(rows)
    ]
    february = {"importance": halved, "drift": DRIFT, "model": body["model"] | {"digest": "sha256:" + 64 * "7"}}
    space = [target | {"space": "probability"} for target in body["targets"]]
    words = [row | {"feature": f"word_{place}"} for place, row in enumerate(rows[:3])]
    for name, partition, changes in (
        ("flights", "2013-01", {}),
        ("flights", "2013-02", february),
        ("loans", "2013-01", {"targets": space}),
        ("words", "2013-01", {"importance": words}),
        ("clipped", "2013-01", {"importance": [rows[0] | {"abs_mean": 0.1, "abs_mean_ci": [0.0, 0.4]}, *rows[1:]]}),
        ("clipped", "2013-02", {"importance": [rows[0] | {"abs_mean": 0.5, "abs_mean_ci": [0.2, 0.8]}, *rows[1:]]}),
    ):
        made = sample.flights_report(**sample.BARE, name=name, run_id=f"{partition}-a", partition=partition, **changes)
        put_run(store, made, [])
    return serve(store)


def page_of(reader: TestClient, before: str, after: str) -> str:
    answer = reader.get("/-/compare", params={"before": before, "after": after})
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def cells(page: str, feature: str) -> list[str]:
    table = page.partition('<table class="importance">')[2].partition("</table>")[0]
    line = next(row for row in table.split("<tr>") if f"/features/{feature}" in row)
    return [unescape(re.sub("<[^>]+>", " ", cell)).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", line)]


def test_importance_stands_side_by_side_with_its_change(reader: TestClient, body: dict[str, Any]) -> None:
    row = body["importance"][1]
    found = cells(page_of(reader, "flights/2013-01-a", "flights/2013-02-a"), row["feature"])
    size = row["abs_mean"]
    half = (row["abs_mean_ci"][1] - row["abs_mean_ci"][0]) / 2
    assert [float(text.replace("−", "-")) for text in found[:3]] == pytest.approx([size, size / 2, -size / 2], rel=1e-3)
    ends = [float(text.replace("−", "-")) for text in found[3].split("beyond")[0].split(" to ")]
    joint = math.hypot(half, half / 2)
    assert ends == pytest.approx([-size / 2 - joint, -size / 2 + joint], rel=1e-3)
    assert "beyond chance" in found[3]
    whole = sum(one["abs_mean"] for one in body["importance"])
    assert float(found[4].split()[0]) == pytest.approx(100 * size / whole, abs=0.06)
    assert float(found[5].split()[0]) == pytest.approx(100 * size / 2 / (whole - size / 2), abs=0.06)
    assert found[6] == "2 → 3"


def test_an_interval_that_stops_at_zero_promises_no_more_of_the_change(
    reader: TestClient, body: dict[str, Any]
) -> None:
    page = page_of(reader, "clipped/2013-01-a", "clipped/2013-02-a")
    found = cells(page, body["importance"][0]["feature"])
    # 0.1 ± 0.3 and 0.5 ± 0.3: half of "0 to 0.4" would leave zero out.
    ends = [float(text.replace("−", "-")) for text in found[3].split("may")[0].split(" to ")]
    assert ends == pytest.approx([0.4 - math.hypot(0.3, 0.3), 0.4 + math.hypot(0.3, 0.3)], rel=1e-3)
    assert "may be chance" in found[3]


def test_a_report_that_was_compared_with_the_other_says_why(reader: TestClient) -> None:
    page = page_of(reader, "flights/2013-01-a", "flights/2013-02-a")
    assert "dep_delay rose by 50 %, because of the model." in page
    turned = page_of(reader, "flights/2013-02-a", "flights/2013-01-a")
    assert "dep_delay rose by 50 %" not in turned
    assert "is computed by <code>ig-tasks diff</code>" in turned


def test_what_differs_is_said_in_words(reader: TestClient) -> None:
    page = page_of(reader, "flights/2013-01-a", "flights/2013-02-a")
    lines = re.findall(r'<tr><th scope="row">([^<]+)</th><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td></tr>', page)
    differs = {about: (before, after) for about, before, after, same in lines if "differs" in same}
    assert differs == {"Partition": ("2013-01", "2013-02"), "Digest of the model": ("9c1d5e7f9c1d", "777777777777")}
    assert "2 lines of 16 differ" in page


def test_other_units_leave_ranks_and_shares(reader: TestClient) -> None:
    page = page_of(reader, "flights/2013-01-a", "loans/2013-01-a")
    assert "Not comparable in figures: their outputs are in other units, log-odds and probability" in page
    found = cells(page, "dep_delay")
    assert len(found) == 3
    assert found[0] == found[1]
    assert page.count('class="chart-place"') == 2
    assert "share of all importance" in page


def test_no_feature_in_common_is_not_comparable(reader: TestClient) -> None:
    page = page_of(reader, "flights/2013-01-a", "words/2013-01-a")
    assert "Not comparable: they have no feature in common." in page
    assert "chart-place" not in page
    assert '<span class="under">only before</span>' in page


def test_without_a_choice_it_offers_the_last_report_of_each_spec(reader: TestClient) -> None:
    page = reader.get("/-/compare").text
    assert set(re.findall(r'<option value="([^"]+)"', page)) == {
        "flights/2013-02-a", "loans/2013-01-a", "words/2013-01-a", "clipped/2013-02-a",
    }  # fmt: skip
    chosen = reader.get("/-/compare?before=flights/2013-02-a").text
    assert '<option value="flights/2013-02-a" selected>' in chosen
    assert '<option value="flights/2013-01-a">' in chosen
    assert "chart-place" not in chosen


def test_one_report_is_compared_with_the_one_before_it(reader: TestClient) -> None:
    page = reader.get("/-/compare?after=flights/2013-02-a").text
    assert "<h1>flights, 2013-01 and flights, 2013-02</h1>" in page
    assert 'href="/-/compare?after=flights%2F2013-02-a"' in reader.get("/flights/2013-02-a").text
    assert "<h1>Compare two reports</h1>" in reader.get("/-/compare?after=flights/2013-01-a").text


def test_what_may_not_be_read_is_not_offered_and_not_opened(reader: TestClient) -> None:
    reader.app.state.access.rights = {"ana": ["flights"]}  # type: ignore[attr-defined]
    ana = {"who": "ana"}
    assert "loans" not in reader.get("/-/compare", headers=ana).text
    for side in ("before", "after"):
        query = {"before": "flights/2013-01-a", "after": "flights/2013-02-a", side: "loans/2013-01-a"}
        assert reader.get("/-/compare", params=query, headers=ana).status_code == 404


@pytest.mark.parametrize(
    "text", ["flights", "flights/", "flights/x", "../flights/2013-01-a", "/", "a/b/c", "\x00/\x00"]
)
def test_what_is_not_there_is_a_page_of_one_line(reader: TestClient, text: str) -> None:
    answer = reader.get("/-/compare", params={"before": text, "after": "flights/2013-01-a"})
    assert answer.status_code == 404
    assert "There is no such report, or you may not read it." in answer.text


def test_a_target_they_do_not_share_is_refused(reader: TestClient) -> None:
    query = {"before": "flights/2013-01-a", "after": "flights/2013-02-a", "target": "x"}
    answer = reader.get("/-/compare", params=query)
    assert (answer.status_code, "no such target in common" in answer.text) == (404, True)
