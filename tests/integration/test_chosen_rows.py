"""Rows that are asked for by their ids: those and no others, with the numbers that they have in the whole run."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from support.inline import all_stages, inline
from support.tiny import write_project

from ig_tasks import pipeline
from ig_tasks.errors import DataError, SpecError
from ig_tasks.spec import load_spec
from ig_tasks.store.report import Report

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def session():
    with inline() as opened:
        yield opened


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return load_spec(write_project(tmp_path_factory.mktemp("chosen"), rows=120, partition="2013-01"))


def rows_of(ref):
    files = sorted(Path(ref["run_uri"]).glob("attributions/*.parquet"))
    return pd.concat([pq.read_table(file).to_pandas() for file in files]).set_index("row_id")


@pytest.fixture(scope="module")
def whole(spec, session):
    return rows_of(all_stages(spec, session))


def test_they_have_the_numbers_of_the_whole_run_in_a_run_of_their_own(spec, session, whole):
    ids = ["1-000119", "1-000003", "1-000101"]
    ref = all_stages(spec.with_overrides(rows=ids), session)
    assert (ref["official"], ref["verdict"]) == (False, "ad-hoc")
    found = rows_of(ref)
    assert list(found.index) == sorted(ids)  # in the order of the data
    columns = [name for name in found.columns if name.startswith("attribution:")]
    np.testing.assert_allclose(found[columns], whole.loc[found.index, columns], rtol=1e-5)
    report = Report.from_json(Path(ref["report_uri"]).read_bytes())
    assert (report.data.rows_read, report.data.rows_available) == (3, 120)
    assert sorted(example.row_id for example in report.examples) == sorted(ids)
    assert report.data.not_read == "the 3 rows that were asked for were read, of 120"
    assert [one.field for one in report.overrides] == ["data.rows"]


def test_one_row_has_a_report_too(spec, session, whole):
    ref = all_stages(spec.with_overrides(rows=["1-000007"], tolerance=0.001), session)
    report = Report.from_json(Path(ref["report_uri"]).read_bytes())
    assert [example.row_id for example in report.examples] == ["1-000007"]
    for row in report.ranking():
        assert row.abs_mean == pytest.approx(abs(whole.loc["1-000007", f"attribution:{row.feature}"]), rel=1e-2)


def test_without_a_column_of_ids_rows_go_by_file_and_number(spec, session):
    data = spec.data.model_copy(update={"id": None})
    ref = all_stages(spec.model_copy(update={"data": data}).with_overrides(rows=["month=2013-01/part-0.parquet:5"]),
                     session)  # fmt: skip
    assert list(rows_of(ref).index) == ["month=2013-01/part-0.parquet:5"]


def test_ids_that_are_not_there_are_one_line_before_anything_is_computed(spec, session):
    asked = spec.with_overrides(rows=["1-000003", "nobody", "2-000001"])
    with pytest.raises(DataError) as refused:
        pipeline.load_model(asked, session=session)
    assert str(refused.value) == (
        "data.rows: 'nobody', '2-000001': no such row in these data (column id); there are '1-000000', '1-000001', "
        "'1-000002', '1-000003', '1-000004' ..."
    )


def test_rows_and_a_sample_are_one_too_many(spec):
    with pytest.raises(SpecError, match="data: give either rows or sample"):
        load_spec({"version": 1, "name": "x", "model": "m", "data": {"uri": "d", "rows": "a", "sample": 3}})
