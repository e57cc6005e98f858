"""Tables as they come, through the command line: explained, or refused in one line that names the column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.carriers import write_carriers
from support.tiny import write_project

from ig_tasks import cli

pytest.importorskip("torch")
pytestmark = pytest.mark.timeout(180)

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
