"""The page of one row: its numbers, their proof, its neighbours, its reasons, and code that computes it again."""

from __future__ import annotations

import ast
import re
from html import unescape

import pyarrow as pa
import pytest
from starlette.testclient import TestClient
from support.stored_rows import of_features, put_run

from ig_tasks.store import Manifest

FEATURES = ["dep_delay", "carrier", "origin"]
ROWS = of_features(FEATURES, 40, seed=4)
ODD = "a/../b '\"\x00\u202e<script>alert(1)</script>"
ROWS.loc[3, "row_id"] = ODD
ROWS.loc[5, ["status", "error_estimate", "convergence_delta"]] = ["max_evaluations", 0.25, -0.5]
PLACE = "/flights/2013-01-a/rows"
TOKENS = pa.array([["late", "##ly", "Ġagain"]] * 40)
PARTS = pa.array([[0.5, 0.25, -1.0]] * 40)


@pytest.fixture(scope="module")
def client(sample, serve, tmp_path_factory) -> TestClient:
    store = str(tmp_path_factory.mktemp("store"))
    targets = [*sample.flights_body()["targets"], {"name": "very_late", "space": "logit", "mean_output": None}]
    report = sample.flights_report(
        **sample.BARE, name="flights", partition="2013-01", run_id="2013-01-a", targets=targets
    )
    late = pa.Table.from_pandas(ROWS, preserve_index=False)
    late = late.append_column("tokens:note", TOKENS).append_column("token_attributions:note", PARTS)
    other = late.set_column(1, "target", pa.array(["very_late"] * 40))
    run = put_run(store, report, [late, other])
    tables = {
        "quarantine.parquet": pa.table({"row_id": ["lost"], "reason": ["missing value in temp <b>"]}),
        "reasons.parquet": pa.table(
            {
                "row_id": ["7", "7", "8"], "target": ["late"] * 3, "state": ["tied", "tied", "without"],
                "rank": pa.array([2, 1, None], pa.int32()), "feature": ["carrier", "dep_delay", None],
                "code": ["R2", "R1", None], "text": [None, "The flight left late", None],
                "attribution": [0.5, 0.75, None], "bound": [0.01, 0.02, None],
            }
        ),
    }  # fmt: skip
    Manifest(run).record_files({name: run.write_table(name, table) for name, table in tables.items()})
    return serve(store)


def text_of(answer) -> str:
    return unescape(re.sub("<[^>]*>", "", answer.raise_for_status().text)).replace("\xa0", " ")


def cells(text: str) -> list[list[str]]:
    rows = re.findall("<tr[^>]*>(.*?)</tr>", text, re.DOTALL)
    words = [re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub("<[^>]*>", " ", one).split()) for one in row] for row in words]


def test_it_tells_values_attributions_and_their_sum(client) -> None:
    row = ROWS.iloc[9]
    answer = client.get(f"{PLACE}/9").raise_for_status()
    found = {row[0]: row[1:] for row in cells(answer.text)}
    assert found["Carrier"][0] == row["input:carrier"]
    for label, name in (("Departure delay", "dep_delay"), ("Carrier", "carrier"), ("Origin", "origin")):
        value = re.search(rf'features/{name}[^"]*">{label}</a>.*?<data value="([^"]*)"', answer.text, re.DOTALL)
        assert float(value[1]) == row[f"attribution:{name}"]
    total = sum(row[f"attribution:{name}"] for name in FEATURES)
    assert float(found["Sum of attributions"][-1].replace("−", "-")) == pytest.approx(total, abs=5e-4)
    assert "Waterfall chart: from the output at the baseline, −1.000" in answer.text
    assert len(re.findall("<h1[ >]", answer.text)) == 1


def test_it_tells_how_the_row_is_proven_in_words(client) -> None:
    said = text_of(client.get(f"{PLACE}/5"))
    assert "Max evaluations: the integration did not reach the tolerance" in said
    assert "raise attribution.max_evaluations" in said
    found = {row[0]: row[1] for row in cells(client.get(f"{PLACE}/5").text) if len(row) > 1}
    assert (found["Status"], found["Error estimate"], found["Convergence delta"]) == (
        "max evaluations",
        "0.250",
        "−0.500",
    )
    assert found["Gradient evaluations"] == "9"
    sound = ROWS[ROWS["status"] == "converged"]["row_id"].iloc[-1]
    assert "The error estimate is within the tolerance" in text_of(client.get(f"{PLACE}/{sound}"))


def test_neighbours_lie_around_it_and_lead_on(client) -> None:
    order = ROWS.sort_values("output", ascending=False)["row_id"].tolist()
    place = order.index("9")
    text = client.get(f"{PLACE}/9").text
    near = text[text.index('id="near"') : text.index('id="again"')]
    names = re.findall(r'<th scope="row">(?:<strong>(This row)</strong>|<a href="[^"]*">([^<]*)</a>)', near)
    wanted = order[max(0, place - 3) : place + 4]
    assert [here or name for here, name in names] == ["This row" if name == "9" else name for name in wanted]


def test_each_target_has_a_page_of_its_own(client) -> None:
    text = client.get(f"{PLACE}/9?target=very_late").raise_for_status().text
    assert "very_late: output" in text
    assert re.search(r'href="[^"]*/rows/9\?target=late"', text)
    assert client.get(f"{PLACE}/9?target=later").status_code == 404


def test_words_of_a_text_are_shaded_in_their_order(client) -> None:
    text = client.get(f"{PLACE}/9").text
    words = re.findall(r'<span style="background:(rgba\([^)]*\))">([^<]*)</span>', text)
    assert [word for _, word in words] == ["lately", "again"]
    assert words[1][0].endswith("0.620)")


def test_reasons_stand_in_their_order_where_the_run_has_them(client) -> None:
    text = client.get(f"{PLACE}/7").text
    part = text[text.index('id="reasons"') : text.index('id="certificate"')]
    assert cells(part)[1:] == [
        ["1", "R1", "The flight left late", "0.7500", "0.0200"], ["2", "R2", "Carrier", "0.5000", "0.0100"],
    ]  # fmt: skip
    assert "Something that is not listed may outweigh a reason" in part
    assert "No contribution towards the adverse side is proven" in client.get(f"{PLACE}/8").text
    assert 'id="reasons"' not in client.get(f"{PLACE}/9").text


def test_a_row_that_could_not_be_explained_says_why_and_one_that_is_not_there_too(client) -> None:
    answer = client.get(f"{PLACE}/lost")
    assert answer.status_code == 404
    assert "This row could not be explained: missing value in temp &lt;b&gt;." in answer.text
    assert "There is no such row in this report" in client.get(f"{PLACE}/none").text


def test_any_id_is_found_shown_and_written_as_python(client) -> None:
    from ig_tasks.web.addresses import segment

    answer = client.get(f"{PLACE}/{segment(ODD)}").raise_for_status()
    assert "<script>alert" not in answer.text
    assert "\x00" not in answer.text
    code = unescape(re.search('<pre class="again"[^>]*><code>(.*?)</code>', answer.text, re.DOTALL)[1])
    literals = [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]
    assert ODD in literals
    assert any(str(text).endswith("/flights/2013-01-a") for text in literals)
