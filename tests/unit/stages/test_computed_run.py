"""A finished run by its folder alone: the one that is kept with the tests, whose data lie elsewhere."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ig_tasks.errors import DamagedError, ReportError, RunError
from ig_tasks.explanations.finished_run import open_run
from ig_tasks.stages.computed_run import ComputedRun
from ig_tasks.store import Store

RUNS = Path(__file__).parents[2] / "earlier_run" / "runs"
RUN_ID = "2013-02-4188030c1f0b"


@pytest.fixture
def uri(tmp_path):
    """A copy, for tests that damage it."""
    return str(shutil.copytree(RUNS / "tiny" / RUN_ID, tmp_path / "tiny" / RUN_ID))


def test_its_facts_are_those_of_its_report():
    run = ComputedRun.at(str(RUNS / "tiny" / RUN_ID))
    report = run.report
    assert (run.folder.name, run.folder.run_id, run.partition) == ("tiny", RUN_ID, "2013-02")
    assert run.folder.uri == Store(str(RUNS)).run("tiny", RUN_ID).uri
    assert (run.model_digest, run.baseline_digest) == (report.model.digest, report.baseline.digest)
    assert (run.spec.name, run.spec.owner, run.spec.data.id) == ("tiny", "testers", "id")
    assert run.summary.merged.rows_explained == report.data.rows_explained == 19
    assert open_run(run.folder.uri).spec == run.spec


def test_the_statistics_of_its_shards_add_up_to_the_whole_and_are_those_of_its_rows():
    run = ComputedRun.at(str(RUNS / "tiny" / RUN_ID))
    shards = list(run.shards())
    assert [(shard.shard, shard.rows_read) for shard in shards] == [("shard-000000", 10), ("shard-000001", 10)]
    for shard in shards:
        table = pq.read_table(RUNS / "tiny" / RUN_ID / "attributions" / f"{shard.shard}.parquet")
        statistics = shard.attributions["late"].overall
        for place, feature in enumerate(statistics.features):
            rows = table.column(f"attribution:{feature}").to_numpy()
            assert statistics.mean[place] == pytest.approx(rows.mean(), rel=1e-12)
            assert statistics.abs_mean[place] == pytest.approx(abs(rows).mean(), rel=1e-12)
    merged = shards[0].merge(shards[1])
    assert merged.rows_explained == run.summary.merged.rows_explained
    assert merged.attributions["late"].to_json() == run.summary.merged.attributions["late"].to_json()
    assert run.tables.read_table("attributions/shard-000001.parquet").num_rows == shards[1].rows_explained


def test_what_is_no_run_not_computed_or_damaged_is_said(uri, tmp_path):
    with pytest.raises(ReportError, match=r"there is no run here; give the folder that holds manifest\.json$"):
        ComputedRun.at(str(tmp_path))
    statistics = Path(uri) / "statistics" / "shard-000001.json"
    statistics.write_bytes(statistics.read_bytes()[:-9])
    with pytest.raises(DamagedError, match=r"shard-000001\.json is damaged"):
        list(ComputedRun.at(uri).shards())
    table = Path(uri) / "attributions" / "shard-000000.parquet"
    table.write_bytes(table.read_bytes()[::-1])
    with pytest.raises(DamagedError, match=r"shard-000000\.parquet is damaged"):
        ComputedRun.at(uri).tables.read_table("attributions/shard-000000.parquet")
    (Path(uri) / "summary.json").unlink()
    with pytest.raises(RunError, match="its attributions are not computed yet; run compute_attributions first"):
        ComputedRun.at(uri)
