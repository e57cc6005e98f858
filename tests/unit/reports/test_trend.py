"""The trend of a spec's reports: one point per partition, gaps left open, marks where what is explained changed."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from ig_tasks.charts.trend_lines import Moment, figure_over_time, ranks_over_time
from ig_tasks.cli import _run
from ig_tasks.errors import ReportError
from ig_tasks.presentation.colours import FAINT, LINES
from ig_tasks.reports.trend import read_trend
from ig_tasks.reports.trend_page import render_trend
from ig_tasks.store import Store

FOUND = ("2013-01", "2013-02", "2013-04", "2013-05")


@pytest.fixture(scope="module")
def place(sample: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> str:
    """January to May without March, a new model in April, May withheld; an ad-hoc run and one of all are beside."""
    folder = tmp_path_factory.mktemp("runs")
    body = sample.flights_body()
    for month, partition in enumerate((*FOUND, "2013-06", "all")):
        model = body["model"] | {"digest": f"sha256:{'1' if partition < '2013-04' else '2'}"}
        factor = 1.0 + month
        rows = [row | {"abs_mean": row["abs_mean"] * factor} for row in body["importance"]]
        changes = {"partition": partition, "run_id": f"{partition}-a", "model": model, "importance": rows}
        if partition == "2013-05":
            changes |= {"state": "withheld"}
        if partition == "2013-06":
            changes |= {"overrides": [{"field": "data.sample", "spec": None, "run": 5}]}
        write(folder, sample.flights_report(**sample.BARE, **changes))
    older = sample.flights_report(**sample.BARE, partition="2013-01", run_id="2013-01-b", importance=[])
    write(folder, older.model_copy(update={"created_at": older.created_at - timedelta(days=1)}))
    return f"{folder}/flights"


def write(folder: object, report: object) -> None:
    Store(str(folder)).run("flights", report.run_id).write_bytes("report.json", report.to_json().encode())


def test_the_newest_official_report_of_each_partition_is_read_and_gaps_are_known(place: str) -> None:
    trend = read_trend(place)
    assert [run.partition for run in trend.runs] == list(FOUND)
    assert trend.partitions == ("2013-01", "2013-02", "2013-03", "2013-04", "2013-05")
    assert trend.missing == ("2013-03",)
    assert trend.marks == {"2013-04": "model"}
    assert trend.left == ("all",)
    assert trend.runs[0].report.run_id == "2013-01-a"
    assert trend.runs[3].importance == {}
    assert trend.latest.partition == "2013-04"


def test_a_newer_withheld_report_hides_no_published_one_and_9_comes_before_10(
    sample: SimpleNamespace, tmp_path: object
) -> None:
    for number in ("10", "9", "11"):
        report = sample.flights_report(**sample.BARE, partition=number, run_id=f"{number}-a")
        write(tmp_path, report)
        later = {"run_id": f"{number}-b", "state": "withheld", "created_at": report.created_at + timedelta(days=1)}
        write(tmp_path, report.model_copy(update=later))
    trend = read_trend(f"{tmp_path}/flights")
    assert [(run.partition, run.report.run_id) for run in trend.runs] == [("9", "9-a"), ("10", "10-a"), ("11", "11-a")]
    assert trend.latest.run_id == "11-a"


def test_a_folder_without_reports_of_partitions_is_refused(tmp_path: object) -> None:
    with pytest.raises(ReportError, match="no official reports of single partitions"):
        read_trend(f"{tmp_path}/nothing")


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (["2010", "2012"], ["2010", "2012"]),
        (["2010", "2011", "2013"], ["2010", "2011", "2012", "2013"]),
        (["2013-11", "2013-12", "2014-02"], ["2013-11", "2013-12", "2014-01", "2014-02"]),
        (["2024-02-26", "2024-02-28", "2024-03-01", "2024-03-05"],
         ["2024-02-26", "2024-02-28", "2024-03-01", "2024-03-03", "2024-03-05"]),
        (["q1", "q3"], ["q1", "q3"]),
    ],
)  # fmt: skip
def test_missing_partitions_are_those_of_a_steady_pace(
    there: list[str], expected: list[str], sample: SimpleNamespace, tmp_path: object
) -> None:
    for partition in there:
        write(tmp_path, sample.flights_report(**sample.BARE, partition=partition, run_id=f"{partition}-a"))
    assert list(read_trend(f"{tmp_path}/flights").partitions) == expected


def test_a_line_does_not_bridge_a_gap() -> None:
    moments = [Moment("a", 1.0, 0.5, 1.5), Moment("b", None), Moment("c", 2.0), Moment("d", 3.0)]
    drawn = figure_over_time(moments, "it", "units", marks={"c": "model"})
    document = drawn.spec.to_dict()
    layers = document["layer"]
    assert [row["piece"] for row in document["datasets"][layers[2]["data"]["name"]]] == [0, 1, 1]
    assert layers[0]["data"]["values"] == [{"partition": "c", "what": "model"}]
    assert document["encoding"]["x"]["scale"]["domain"] == ["a", "b", "c", "d"]
    assert drawn.table[1] == {"partition": "b", "value": None, "low": None, "high": None}
    ranks = ranks_over_time({"one": [1, None, 4], "two": [2, 2, 2]}, ["a", "b", "c"])
    assert [row["piece"] for row in ranks.spec.to_dict()["datasets"]["ranks"]][:2] == ["one/0", "one/1"]
    assert ranks.table[0] == {"label": "one", "a": 1, "b": None, "c": 4}


def test_charts_over_time_are_vega_lite_that_altair_reads_and_made_without_it() -> None:
    moments = [Moment("a", 1.0, 0.5, 1.5), Moment("b", None), Moment("c", 2.0)]
    drawn = [
        figure_over_time(moments, "it", "units", marks={"c": "model"}, figures=".2~%"),
        figure_over_time([Moment("a", 0.0)], "it", "units"),
        ranks_over_time({"one": [1, None, 4], "two": [2, 2, 2]}, ["a", "b", "c"], marks={"b": "baseline"}),
    ]
    for chart in drawn:
        read = chart.spec.altair()  # compared with Vega-Lite's schema
        assert read.to_dict()["datasets"] == chart.spec.to_dict()["datasets"]
        assert len(read.to_dict()["layer"]) == len(chart.spec.to_dict()["layer"])
    program = (
        "import sys; from ig_tasks.charts.trend_lines import *;"
        "figure_over_time([Moment('a', 1.0)], 'it', 'u').document; ranks_over_time({'a': [1]}, ['p']).document;"
        "sys.exit('altair' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_features_that_moved_most_have_lines_of_their_own() -> None:
    moved = {f"by {rank - 1}": [1, rank] for rank in range(1, 9)} | {"gone": [None, None]}
    rows = ranks_over_time(moved, ["a", "b"]).spec.to_dict()["datasets"]["ranks"]
    styles = {row["label"]: (row["colour"], tuple(row["dash"])) for row in rows}
    apart = {styles[f"by {steps}"] for steps in (3, 4, 5, 6, 7)}
    assert len({colour for colour, _ in apart}) == len({dash for _, dash in apart}) == 5
    assert styles["by 7"][0] == LINES[0]
    assert {styles[f"by {steps}"] for steps in (0, 1, 2)} == {(FAINT, (1, 0))}
    assert "gone" not in styles


def test_the_page_has_every_run_its_link_and_what_changed(place: str) -> None:
    page = render_trend(read_trend(place), place)
    assert set(re.findall(r'<a href="([^"]+)">', page)) == {f"{name}-a/report.html" for name in FOUND}
    text = re.sub(r"<[^>]+>", "", page.partition("</style>")[2])
    assert (
        "4 partitions from 2013-01 to 2013-05, 1 report of them withheld and not drawn; without a report: 2013-03"
        in text
    )
    assert "2013-04: model." in text
    assert "Departure delay in every published report." in text
    assert "Departure delay 2.41 then, 7.23 now" in text
    assert page.count('class="chart"') == 8 + 2 + 2  # ranks twice: for a phone, and for all others
    assert "Content-Security-Policy" in page
    assert "<script" not in page


def test_the_command_writes_the_page_and_says_where(place: str, tmp_path: object, capsys: object) -> None:
    assert _run(["trend", place, "--to", f"{tmp_path}/t.html"]) == 0
    assert capsys.readouterr().out.strip() == f"{tmp_path}/t.html"
    assert _run(["trend", place, "--to", f"{tmp_path}/absent/t.html"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_intervals_are_those_of_clusters_of_rows_where_the_run_kept_them(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = read_trend(place).runs[0]
    assert run.intervals == {}  # a run of which the report alone is left
    # Clusters of one row each: means 2 and 0.1 with standard errors 0.5 and 0.1, ten degrees of freedom.
    steps = np.linspace(-1, 1, 11) / np.linspace(-1, 1, 11).std(ddof=1) * np.sqrt(11)
    table = np.stack([2 + 0.5 * steps, 0.1 + 0.1 * steps], axis=1)
    grid = SimpleNamespace(labelled=np.ones(11, dtype=bool))
    clusters = SimpleNamespace(grid=grid, rows=np.ones(11), absolute=table)
    period = SimpleNamespace(
        sums=SimpleNamespace(clusters=clusters), target="late", features=("dep_delay", "seats")
    )  # fmt: skip
    monkeypatch.setattr("ig_tasks.reports.trend.Period.open", lambda folder: period)
    run = read_trend(place).runs[0]
    assert run.intervals["late", "dep_delay"] == pytest.approx((2 - 2.228139 * 0.5, 2 + 2.228139 * 0.5), rel=1e-6)
    assert run.intervals["late", "seats"][0] == 0.0


def test_a_report_with_intervals_of_clusters_is_drawn_as_it_is(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = read_trend(place).runs[0]
    rows = tuple(row.model_copy(update={"interval_of": "clusters", "clusters": 31}) for row in run.report.importance)
    monkeypatch.setattr("ig_tasks.reports.trend.Period.open", lambda folder: pytest.fail("the run was opened"))
    assert replace(run, report=run.report.model_copy(update={"importance": rows})).intervals == {}
