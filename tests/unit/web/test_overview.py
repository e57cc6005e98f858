"""The overview: what stands there of each model, how it is found, and in which order."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.browser import HeaderAccess

from ig_tasks.store.index import Index
from ig_tasks.store.index_entry import IndexedCheck, IndexedFeature, IndexedTarget, IndexEntry
from ig_tasks.web.app import create_app
from ig_tasks.web.catalogue import Catalogue
from ig_tasks.web.model_standing import standing_of, summary_of
from ig_tasks.web.sparkline import sparkline
from ig_tasks.web.timelines import timeline_of

THEN = datetime(2026, 3, 2, 6, tzinfo=UTC)


def feature(name: str, rank: int, size: float) -> IndexedFeature:
    return IndexedFeature(
        feature=name, label=name.title(), rank=rank, abs_mean=size, mean=size, low=size / 2, high=size * 2
    )


def entry(name: str = "loans", partition: str = "2026-01", **changes: Any) -> IndexEntry:
    features = tuple(feature(one, rank, 3.0 / rank) for rank, one in enumerate(("income", "age", "debt", "zip"), 1))
    facts = {
        "run_id": f"{partition}-a", "revision": 1, "created_at": THEN, "state": "published", "official": True,
        "model": f"Model of {name}", "owner": "risk", "tags": ("credit",), "rows_read": 10, "rows_explained": 9,
        "rows_quarantined": 1, "converged": 1.0, "checks": 4, "model_digest": "sha256:m", "baseline_digest": "sha256:b",
        "targets": (IndexedTarget(name="y", space="logit", features=features),),
    }  # fmt: skip
    return IndexEntry(name=name, partition=partition, **(facts | changes))


@pytest.fixture
def browse(tmp_path: object) -> Any:
    def opened(*entries: IndexEntry, access: Any = None) -> TestClient:
        index = Index(str(tmp_path))
        for one in entries:
            index.note(one)
        for name in {one.name for one in entries}:
            index.gather(name)
        catalogue = Catalogue(str(tmp_path), fresh_for=0.0)
        catalogue.mender.wake = lambda: None  # type: ignore[method-assign]
        return TestClient(create_app(catalogue, access or HeaderAccess()), headers={"who": "all"})

    return opened


def names_in(text: str) -> list[str]:
    return re.findall(r'<a class="strong" href="/(\w+)"', text)


def test_each_model_has_its_latest_report_with_what_was_judged(browse: Any) -> None:
    failed = (IndexedCheck(name="completeness", severity="critical"), IndexedCheck(name="drift", severity="warning"))
    client = browse(
        entry(),
        entry(partition="2026-02", state="withheld", failed=failed, alarms=2, verdicts={"note": 3}),
        entry("fraud", verdicts=None, alarms=None),
    )
    text = client.get("/").raise_for_status().text
    assert names_in(text) == ["fraud", "loans"]
    fraud, loans = text.split('<tr role="row">')[2:]
    assert fraud.count("not judged") == 2
    assert "4 passed" in fraud
    assert "withheld" in loans
    assert 'href="/loans/2026-02-a"' in loans
    assert "1 critical" in loans
    assert "1 warning" in loans
    assert "2 alarms" in loans
    assert "3 notes" in loans
    assert re.findall(r"/features/(\w+)", loans) == ["income", "age", "debt"]
    assert "of 2026-01, the last that was published" in loans


def test_a_search_looks_at_names_owners_tags_and_leading_features(browse: Any) -> None:
    client = browse(entry(), entry("fraud", owner="payments", tags=("cards", "live")))
    for query, found in {
        "q=LOANS": ["loans"], "q=payments+fraud": ["fraud"], "q=income": ["fraud", "loans"], "q=zip": [],
        "owner=risk": ["loans"], "tag=live": ["fraud"], "state=withheld": [], "state=published": ["fraud", "loans"],
        "q=%25": [], "owner=%3Cscript%3E": [],
    }.items():  # fmt: skip
        assert names_in(client.get(f"/?{query}").raise_for_status().text) == found, query


def test_it_is_ordered_as_asked_and_as_usual_where_the_order_is_unknown(browse: Any) -> None:
    warning = (IndexedCheck(name="drift", severity="warning"),)
    client = browse(
        entry("a", converged=0.5), entry("b", converged=None, failed=warning), entry("c", converged=0.9, alarms=1)
    )
    for query, found in {
        "": "abc", "sort=name&down=true": "cba", "sort=converged": "bac", "sort=failed&down=true": "bca",
        "sort=alarms&down=true": "cba", "sort=__class__": "abc",
    }.items():  # fmt: skip
        assert "".join(names_in(client.get(f"/?{query}").text)) == found, query
    assert 'aria-sort="descending"' in client.get("/?sort=alarms&down=true").text


def test_names_are_escaped_everywhere(browse: Any) -> None:
    hostile = '<script>alert(1)</script>" onload="alert(2)'
    row = IndexedFeature(feature=hostile, label=hostile, rank=1, abs_mean=1.0, mean=1.0)
    target = IndexedTarget(name=hostile, space="logit", features=(row,))
    facts = {"model": hostile, "owner": hostile, "tags": (hostile,), "description": hostile, "targets": (target,)}
    client = browse(entry(**facts), entry(partition="2026-02", **facts))
    for address in ("/", f"/?q={hostile}", "/loans", f"/loans?target={hostile}"):
        text = client.get(address).raise_for_status().text
        assert "<script>alert" not in text
        assert '" onload="alert' not in text


def test_the_state_says_what_is_going_on() -> None:
    monthly = {"cron": "0 6 2 * *", "partition": "%Y-%m", "offset": -1}
    summary = summary_of([entry(schedule=monthly)])
    assert summary is not None
    early, late = datetime(2026, 2, 20, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC)
    assert standing_of(summary, early).states == ("published",)
    assert standing_of(summary, late).states == ("published", "overdue")
    assert standing_of(summary, late, activity="paused").states == ("published",)
    assert standing_of(summary, late, activity="running").states == ("published", "running")
    assert standing_of(summary, late, computing={"loans"}).states == ("published", "running")
    trial = summary_of([entry(official=False)])
    assert trial is not None
    assert standing_of(trial, early).states == ("ad-hoc",)


def test_an_ad_hoc_report_never_stands_for_its_model() -> None:
    summary = summary_of([entry(), entry(partition="2026-02", official=False)])
    assert summary is not None
    assert summary.latest.partition == "2026-01"
    assert summary.partitions == 1


def test_what_is_going_on_is_asked_of_whoever_knows(browse: Any) -> None:
    class Knowing(HeaderAccess):
        def activity(self, names: Collection[str]) -> Mapping[str, Any]:
            return dict.fromkeys(names, "running")

    assert '<span class="state running">running</span>' in browse(entry(), access=Knowing()).get("/").text


def test_a_gap_stays_a_gap_and_a_change_is_marked() -> None:
    changed = entry(partition="2026-04", model_digest="sha256:n")
    timeline = timeline_of([entry(), entry(partition="2026-02"), changed, entry(partition="all")])
    assert timeline.partitions == ("2026-01", "2026-02", "2026-03", "2026-04")
    assert timeline.marks == {"2026-04": "model"}
    assert timeline.ranking("2026-03", "y", "logit") == {}
    assert timeline.features("y", "logit", 2) == ["income", "age"]
    assert timeline.features("y", "probability", 2) == []


def test_the_newest_official_report_of_a_partition_counts() -> None:
    later = entry(run_id="2026-01-b", created_at=THEN.replace(day=3))
    trial = entry(run_id="2026-01-c", created_at=THEN.replace(day=4), official=False)
    assert timeline_of([entry(), later, trial]).entries == {"2026-01": later}


def test_a_sparkline_leaves_gaps_open_and_says_its_figures() -> None:
    drawn = sparkline([1.0, 2.0, None, 4.0], "Importance of <b>")
    assert drawn.count("<polyline") == 2
    said = (
        "Importance of &lt;b&gt; over 4 partitions: first 1.000, last 4.000, least 1.000, greatest 4.000; 1 not known"
    )
    assert f'aria-label="{said}"' in drawn
    assert sparkline([None], "x") == ""
    assert "nan" not in sparkline([0.0, 0.0], "x").lower()


def test_a_model_with_several_partitions_has_charts_and_every_run_with_its_revisions(browse: Any) -> None:
    client = browse(
        entry(), entry(partition="2026-02", model_digest="sha256:new"),
        entry(partition="2026-02", revision=2, state="withheld"),
        entry(partition="2026-02", run_id="2026-02-trial", official=False),
    )  # fmt: skip
    text = client.get("/loans").raise_for_status().text
    assert text.count('class="chart-document"') == 4 + 1 + 2
    assert 'href="/loans/2026-02-a?revision=1"' in text
    assert "3 runs with reports" in text
    assert '/-/compare?before=loans%2F2026-01-a&amp;after=loans%2F2026-02-a">compare with 2026-01</a>' in text
    assert '<span class="state ad-hoc">ad-hoc</span>' in text
    assert client.get("/loans?picture=0").headers["Content-Type"] == "image/svg+xml"


def test_a_model_with_one_report_has_a_table_instead(browse: Any) -> None:
    text = browse(entry(partition="all")).get("/loans").raise_for_status().text
    assert "chart-document" not in text
    assert "A timeline appears with the second partition" in text
    assert "Income" in text


def test_the_overview_changes_in_part_where_scripts_run_and_whole_where_none_does(client: TestClient) -> None:
    text = client.get("/?q=flights&sort=failed").text
    form = text.partition("<form")[2].partition(">")[0]
    assert 'method="get" action="/"' in form
    assert 'hx-get="/" hx-target="main" hx-select="main"' in form
    assert text.count('id="search"') == text.count('id="by-owner"') == 1  # by which htmx keeps what is being typed in
    assert "htmx.min.js" in text
    assert 'href="/?q=flights&amp;sort=partition"' in text
