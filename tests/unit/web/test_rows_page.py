"""The rows page: a filter in an address, the rows that it keeps, and a form that says what was wrong."""

from __future__ import annotations

import re
from html import unescape

import pandas as pd
import pytest
from starlette.testclient import TestClient
from support.stored_rows import of_features, put_run

FEATURES = ["dep_delay", "carrier"]
ROWS = pd.concat([of_features(FEATURES, 90, seed=1), of_features(FEATURES, 60, "very_late", seed=2)])
LATE = ROWS[ROWS["target"] == "late"].sort_values(["output"], ascending=False)
PLACE = "/flights/2013-01-a/rows"


@pytest.fixture(scope="module")
def client(sample, serve, tmp_path_factory) -> TestClient:
    store = str(tmp_path_factory.mktemp("store"))
    targets = [*sample.flights_body()["targets"], {"name": "very_late", "space": "logit", "mean_output": None}]
    report = sample.flights_report(
        **sample.BARE, name="flights", partition="2013-01", run_id="2013-01-a", targets=targets
    )
    put_run(store, report, [ROWS])
    return serve(store)


def shown(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="[^"]*">([^<]*)</a>', text)


def links(text: str) -> dict[str, str]:
    return {
        words.strip(): unescape(address)
        for address, words in re.findall(r'<a [^>]*href="([^"]*)"[^>]*>([^<]*)</a>', text)
    }


def test_without_a_filter_it_shows_the_rows_of_the_first_target_by_output(client) -> None:
    text = client.get(PLACE).raise_for_status().text
    assert shown(text) == LATE["row_id"].tolist()[:50]
    assert ">90 rows<" in text
    assert len(re.findall("<h1[ >]", text)) == 1


def test_conditions_order_and_size_of_the_page_stand_in_the_address(client) -> None:
    query = {
        "column": ["segment:origin", "attribution:dep_delay"], "op": ["is", "size_ge"], "value": ["JFK", "0.5"],
        "sort": "attribution:carrier", "size": "1", "way": "asc", "rows": 25,
    }  # fmt: skip
    kept = LATE[(LATE["segment:origin"] == "JFK") & (LATE["attribution:dep_delay"].abs() >= 0.5)]
    wanted = kept.loc[kept["attribution:carrier"].abs().sort_values().index]["row_id"].tolist()
    text = client.get(PLACE, params=query).raise_for_status().text
    assert shown(text) == wanted[:25]
    assert f">{len(wanted)} rows<" in text
    for name, value in (("value", "JFK"), ("value", "0.5")):
        assert re.search(rf'name="{name}" id="[^"]*" value="{value}"', text)


def test_pages_lead_to_each_other_and_end(client) -> None:
    text = client.get(PLACE, params={"rows": 25, "sort": "attribution:dep_delay"}).text
    found = shown(text)
    while "Next" in links(text):
        text = client.get(links(text)["Next"]).raise_for_status().text
        found += shown(text)
    assert found == LATE.sort_values("attribution:dep_delay", ascending=False)["row_id"].tolist()
    assert "Previous" in links(text)
    beyond = client.get(PLACE, params={"offset": 5000})
    assert beyond.status_code == 200
    assert "There are no rows so far down" in beyond.text


def test_a_head_sorts_and_a_condition_can_be_removed(client) -> None:
    text = client.get(PLACE, params={"column": "status", "op": "is", "value": "unverified"}).text
    assert shown(text) == LATE[LATE["status"] == "unverified"]["row_id"].tolist()[:50]
    assert shown(client.get(links(text)["Remove"]).text) == LATE["row_id"].tolist()[:50]
    by_size = client.get(links(text)["Departure delay"]).text
    kept = LATE[LATE["status"] == "unverified"]
    assert (
        shown(by_size)
        == kept.loc[kept["attribution:dep_delay"].abs().sort_values(ascending=False).index]["row_id"].tolist()[:50]
    )
    assert 'aria-sort="descending"' in by_size
    other_way = client.get(links(by_size)["Departure delay ↓"]).text
    assert shown(other_way) == shown(by_size)[::-1] or "Next" in links(other_way)


def test_another_target_has_rows_of_its_own(client) -> None:
    text = client.get(PLACE, params={"target": "very_late", "rows": 100}).text
    wanted = ROWS[ROWS["target"] == "very_late"].sort_values("output", ascending=False)["row_id"].tolist()
    assert shown(text) == wanted
    assert f'href="{PLACE}/{wanted[0]}?target=very_late"' in text


def test_a_condition_without_a_value_waits_for_it_with_comparisons_that_fit(client) -> None:
    text = (
        client.get(PLACE, params={"column": ["input:carrier", ""], "op": [""], "value": [""]}).raise_for_status().text
    )
    assert shown(text) == LATE["row_id"].tolist()[:50]
    assert "A condition without a value does not count yet" in text
    operators = re.search(r'<select name="op" id="op-0">(.*?)</select>', text, re.DOTALL)[1]
    assert re.findall('value="([^"]*)"', operators) == ["is", "is_not", "contains", "starts", "missing", "present"]
    assert re.findall(r'<option value="(AA|B6)">', text) == ["AA", "B6"] or "B6" in text


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"column": "nothing", "op": "is", "value": "x"}, "column &#39;nothing&#39;: the rows of this run have none"),
        ({"column": "output", "op": "ge", "value": "much"}, "is not a number such as"),
        ({"column": "output", "op": "is", "value": "1"}, "comparison &#39;is&#39;: there is none of column"),
        ({"column": "status", "op": "ge", "value": "1"}, "choose one of is, is_not"),
        ({"column": ["status"] * 13, "op": ["is"] * 13, "value": ["x"] * 13}, "at most 12 can be asked at once"),
        ({"sort": "nothing"}, "column &#39;nothing&#39;: the rows of this run have none"),
        ({"sort": "status", "size": "1"}, "holds text; choose one of numbers"),
    ],
)
def test_a_mistake_is_said_above_the_form_which_stays(client, query, says) -> None:
    answer = client.get(PLACE, params=query)
    assert answer.status_code == 400
    assert says in answer.text
    assert 'role="alert"' in answer.text
    assert "<form" in answer.text
    assert shown(answer.text) == []


@pytest.mark.parametrize("place", [PLACE, "/flights/2013-01-a/download/rows.csv"])
def test_no_form_is_drawn_for_thousands_of_conditions(client, place) -> None:
    # Each has a list of all columns: 2,000 made a page of 169 MB, in half a minute.
    for condition in ("column=output&value=1", "column=nothing", "column="):
        answer = client.get(f"{place}?{'&'.join([condition] * 500)}")
        assert answer.status_code == 400
        assert "500 conditions in one address" in answer.text
        assert len(answer.text) < 20_000


@pytest.mark.parametrize("query", ["rows=0", "rows=201", "rows=x", "offset=-1", "offset=100001", "offset=1e3", "rows="])
def test_pages_out_of_bounds_are_refused_in_a_line(client, query) -> None:
    answer = client.get(f"{PLACE}?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.text


def test_a_part_that_htmx_asks_for_has_the_address_of_its_state(client) -> None:
    query = {"column": ["status", ""], "op": "is", "value": "converged", "sort": "output", "way": "desc", "rows": 50}
    assert "HX-Push-Url" not in client.get(PLACE, params=query).headers
    answer = client.get(PLACE, params=query, headers={"HX-Request": "true"})
    assert answer.headers["HX-Push-Url"] == f"{PLACE}?column=status&op=is&value=converged&target=late"


def test_a_run_without_rows_says_so(serve, sample, tmp_path) -> None:
    report = sample.flights_report(**sample.BARE, name="flights", partition="2013-01", run_id="2013-01-a")
    put_run(str(tmp_path), report, [])
    answer = serve(str(tmp_path)).get(PLACE)
    assert answer.status_code == 400
    assert "its rows are not in the store" in answer.text
