"""Tables as they come, through the command line: explained, or refused in one line that names the column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.carriers import write_carriers
from support.tiny import MODEL_YAML, write_package, write_project

from ig_tasks import cli
from ig_tasks.stages.shard_files import read_summary
from ig_tasks.store import Folder
from ig_tasks.store.report import report_schema

pytest.importorskip("torch")

CARRIERS = pa.array(["AA", "DL", "UA"] * 4)


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("twice", ["kind", "id", "origin", "prediction"])
def test_a_column_that_is_there_twice_is_named_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str, twice: str
) -> None:
    data: dict[str, Any] = {"uri": "../../data", "partition": "month", "id": "id", "segments": ["origin"]}
    spec = write_project(tmp_path, rows=10, data={**data, "prediction": "prediction"})
    for file in (tmp_path / "data").rglob("*.parquet"):
        table = pq.read_table(file, partitioning=None)
        table = table.append_column("prediction", table.column("a"))
        pq.write_table(table.append_column(twice, table.column(twice)), file)
    assert cli._run([command, str(spec)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"month=2013-01/part-0.parquet has 2 columns called '{twice}', and one is read" in line


def test_a_column_of_string_views_is_explained_as_text_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    spec = write_carriers(tmp_path, pa.table({"carrier": CARRIERS.cast(pa.string_view())}))
    assert cli._run(["run", str(spec)]) == 0
    report = Path(capsys.readouterr().out.splitlines()[-1])
    assert report.with_suffix(".html").is_file()


def test_categories_that_the_model_does_not_know_are_told_by_check_and_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spec = write_carriers(tmp_path, pa.table({"carrier": ["aa", "dl", "UA", None] * 5}))
    assert cli._run(["check", str(spec)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("unknown")]
    assert line == (
        "unknown   WARNING: 'carrier': 75 % of 20 rows that were tried are of a category that is unknown to the model, "
        "25 % missing (at most 5 %): 'aa' (the model knows 'AA'), 'dl' (the model knows 'DL')"
    )
    assert cli._run(["run", str(spec)]) == 0
    shown = capsys.readouterr()
    assert "validate: unknown FAILED (warning): 0.75, expected at most what the baseline's data had" in shown.err
    path = Path(shown.out.splitlines()[-1])
    report = json.loads(path.read_text())
    (unknown,) = report["data"]["unknown"]
    assert (unknown["feature"], unknown["cells"], unknown["unknown"], unknown["missing"]) == ("carrier", 20, 10, 5)
    (check,) = [check for check in report["checks"] if check["name"] == "unknown"]
    assert (check["success"], check["observed"]) == (False, 0.75)
    summary = read_summary(Folder(str(path.parent)), "shard-000000")
    assert summary.to_json()["inputs"]["unknown"]["carrier"]["spellings"] == {"aa": 5, "dl": 5}
    manifest = json.loads((path.parent / "manifest.json").read_text())
    assert manifest["baseline"]["unknown"]["carrier"]["unknown"] == 10
    jsonschema.validate(report, report_schema())


def test_control_characters_in_categories_segments_and_names_reach_the_report_as_escapes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    odd, column, segment = ["A\0A", "D\x1b[31mL", "U\ufffeA"], "car\x01rier", "or/i.g:in \u202e'\"\U0001f6eb"
    levels = ["E\0WR", "", " ", "x" * 300, "a/b\\c=d"]
    rows = pa.table({column: odd * 5, segment: levels * 3, "id": [f"r\0{row}/\x1b" for row in range(15)]})
    data = {"uri": "../../data", "segments": [segment], "id": "id"}
    spec = write_carriers(tmp_path, rows, vocabulary=odd, column=column, data=data)
    assert cli._run(["check", str(spec)]) == 0
    assert not set(capsys.readouterr().out) & {"\0", "\x01", "\x1b"}
    assert cli._run(["run", str(spec)]) == 0
    shown = capsys.readouterr()
    assert not set(shown.out + shown.err) & {"\0", "\x01", "\x1b"}
    path = Path(shown.out.splitlines()[-1])
    page = path.with_suffix(".html").read_text()
    assert not set(page) & {"\0", "\x01", "\x1b", "\ufffe"}
    text = path.read_text()
    assert not set(text) & {"\0", "\x01", "\x1b"}
    report = json.loads(text)
    assert {row["segment_level"] for row in report["segments"]} == set(levels)
    assert report["data"]["unknown"] == []
    assert report["data"]["rows_explained"] == 15


def test_gaps_are_explained_as_the_number_in_their_place_and_stored_as_gaps(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spec = write_project(tmp_path, rows=60, baseline="zero", data={"uri": "../../data", "id": "id"})
    inputs = {**MODEL_YAML["inputs"], "numeric": {"columns": ["a", "b"], "missing": {"a": 1.5}}}
    write_package(tmp_path / "include" / "models" / "tiny", inputs=inputs)
    for file in (tmp_path / "data").rglob("*.parquet"):
        frame = pd.read_parquet(file, partitioning=None)
        frame.loc[0, "a"], frame.loc[1, "a"], frame.loc[2, "b"] = None, 1.5, None
        frame.loc[1, ["b", "kind"]] = frame.loc[0, ["b", "kind"]]
        frame.to_parquet(file)
    assert cli._run(["check", str(spec)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "rows      59 of 60 that were tried can be explained" in lines
    assert "rows      1 of them: missing value in b" in lines
    assert cli._run(["run", str(spec)]) == 0
    path = Path(capsys.readouterr().out.splitlines()[-1])
    (shard,) = (path.parent / "attributions").iterdir()
    rows = pd.read_parquet(shard).set_index("row_id")
    gap, number = rows.loc["1-000000"], rows.loc["1-000001"]
    assert (gap["input:a"], number["input:a"]) == (pytest.approx(float("nan"), nan_ok=True), 1.5)
    for column in ("output", "attribution:a", "attribution:b", "attribution:kind"):
        assert gap[column] == pytest.approx(number[column], abs=1e-12)
