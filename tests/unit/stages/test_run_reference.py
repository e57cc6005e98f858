"""What one stage tells the next: typed inside, the JSON of before outside."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from ig_tasks.errors import InputError
from ig_tasks.stages.run_reference import BaselineFacts, Outcome, RowCounts, RunReference

BEFORE = Path(__file__).parents[2] / "earlier_run" / "reference.json"
"""Written before references had a version."""


@pytest.fixture
def document():
    return json.loads(BEFORE.read_text())


def test_a_reference_without_a_version_is_read_and_written_with_one(document):
    reference = RunReference.of(document)
    assert reference.to_json() == {**document, "version": 1}
    assert RunReference.of(json.loads(json.dumps(reference.to_json()))) == reference
    assert reference.rows == RowCounts(read=20, explained=19, unconverged=0, unverified=0, quarantined=1)
    assert reference.baseline == BaselineFacts(
        digest="sha256:eac28167920bd477ac6b06532c233646f5602e3ec2cdb7a50df74fc0711abe0d", strategy="auto", rows=39
    )
    assert reference.outcome == Outcome(
        verdict="published",
        leading=("Scheduled hour", "b", "kind"),
        report_uri=document["report_uri"],
        page_uri=document["page_uri"],
    )


def test_it_reads_as_the_mapping_that_it_was(document):
    reference = RunReference.of(document)
    assert reference["rows"]["explained"] == 19
    assert reference["leading"] == ["Scheduled hour", "b", "kind"]
    assert {**reference} == dict(reference.items()) == {**document, "version": 1}
    assert ("served" in reference, "stored" in reference, reference.get("stored")) == (True, False, None)
    with pytest.raises(KeyError):
        reference["stored"]
    reference["rows"]["explained"] = 0  # a copy
    assert reference["rows"]["explained"] == 19


def test_each_stage_has_what_the_stages_so_far_found(document):
    first = RunReference.of({key: document[key] for key in ("name", "partition", "store", "model", "data")})
    assert set(first) == {"version", "name", "partition", "store", "model", "data"}
    later = first.with_(run_id="all-0", run_uri="/runs/all-0")
    assert (first.run_id, later["run_id"]) == (None, "all-0")
    with pytest.raises(ValidationError, match="frozen"):
        first.run_id = "all-1"
    with pytest.raises(InputError, match=r"^ref\.run_id: is missing; run build_baseline first, and give what it"):
        first.run_folder()
    assert later.run_folder().uri == f"{document['store']}/{document['name']}/all-0"


def test_keys_of_a_later_minor_version_are_passed_over(document):
    document["data"]["bytes"] = 7
    assert RunReference.of({**document, "queue": "fast"}) == RunReference.of(json.loads(BEFORE.read_text()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, r"ref\.version: it is 2, and this version of ig-tasks reads 1; "),
        ({"version": "1.0"}, r"ref\.version: it is '1\.0', and this version of ig-tasks reads 1; "),
        ({"model": "sha256:0"}, r"ref\.model: .*; another version of ig-tasks made it: "),
        ({"data": {}}, r"ref\.data\.uri: is missing.*; another version of ig-tasks made it: "),
        ({"rows": {"read": "many"}}, r"ref\.rows\.read: .*; another version of ig-tasks made it: "),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line_with_the_remedy(document, changes, message):
    with pytest.raises(InputError, match=f"^{message}clear the DAG run from load_model on, or call load_model again$"):
        RunReference.of({**document, **changes})


@pytest.mark.parametrize("given", [None, [], "2013-02", {}])
def test_what_is_no_reference_is_refused(given):
    with pytest.raises(InputError, match=r"^ref.* clear the DAG run from load_model on, or call load_model again$"):
        RunReference.of(given)
