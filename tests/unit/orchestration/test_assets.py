import json

from airflow.sdk import PartitionedAssetTimetable

from ig_tasks.orchestration import on_reports, report_asset
from ig_tasks.orchestration.assets import event_extra


def test_producer_and_consumer_mean_the_same_asset():
    asset = report_asset("loans")
    assert asset.name == "ig://loans"
    assert asset.uri == "ig://loans/"


def test_a_consumer_waits_for_any_of_the_reports():
    timetable = on_reports("a", "b")
    assert isinstance(timetable, PartitionedAssetTimetable)
    assert {asset.name for asset in timetable.asset_condition.objects} == {"ig://a", "ig://b"}


def test_the_event_is_small_json():
    ref = {"run_id": "r", "partition": "all", "report_uri": "u", "rows": {"read": 1}, "model": {"uri": "secret"}}
    assert json.loads(json.dumps(event_extra(ref))) == {
        "run_id": "r",
        "partition": "all",
        "report_uri": "u",
        "page_uri": None,
        "verdict": None,
        "leading": None,
        "rows": {"read": 1},
        "completeness": None,
        "warnings": None,
        "address": None,
    }
