"""The manifest only grows: stages, files and attempts are added to it."""

import pytest

from ig_tasks.store import Folder, Manifest, digest_of


@pytest.fixture
def folder(tmp_path):
    return Folder(str(tmp_path))


def test_what_was_begun_is_kept_when_a_second_attempt_begins(folder):
    Manifest(folder).begin({"key": "abc", "started_at": "then"})
    Manifest(folder).begin({"key": "other", "started_at": "now"})
    document = Manifest(folder).document
    assert (document["key"], document["started_at"]) == ("abc", "then")
    assert document["versions"]["python"].startswith("3.")
    assert "numpy" in document["versions"]


def test_stages_files_and_attempts_are_added(folder):
    manifest = Manifest(folder)
    manifest.begin({})
    manifest.record_attempt("compute_attributions", {"run": "a", "try": 1})
    manifest.record_attempt("compute_attributions", {"run": "a", "try": 2})
    manifest.record_stage("compute_attributions", seconds=1.23456, shards=3)
    manifest.record_files({"b": b"content", "a": "sha256:known"})
    again = Manifest(folder)
    assert [attempt["try"] for attempt in again.document["attempts"]] == [1, 2]
    assert again.stage("compute_attributions")["seconds"] == 1.235
    assert again.stage("validate") is None
    assert again.document["files"] == {"a": "sha256:known", "b": digest_of(b"content")}


def test_a_manifest_from_before_there_were_notes_is_added_to(folder):
    old = {"key": "abc", "attempts": [{"stage": "compute_attributions", "started_at": "2026-01-01T00:00:00+00:00"}]}
    folder.write_json("manifest.json", old)
    Manifest(folder).record_attempt("compute_attributions", {"try": 2})
    document = folder.read_json("manifest.json")
    assert document["key"] == "abc"
    assert [attempt.get("try") for attempt in document["attempts"]] == [None, 2]


def test_a_note_that_its_writer_could_not_bring_into_the_manifest_is_read_and_kept(folder):
    Manifest(folder).begin({"key": "abc"})
    late = {"attempts": [{"stage": "compute_attributions", "started_at": "2026-01-01T00:00:00+00:00", "try": 1}]}
    folder.write_json("manifest/00000000000000000001-abc.json", late)
    assert [attempt["try"] for attempt in Manifest(folder).document["attempts"]] == [1]
    assert folder.read_json("manifest.json")["attempts"] == []
    Manifest(folder).record_attempt("compute_attributions", {"try": 2})
    assert [attempt["try"] for attempt in folder.read_json("manifest.json")["attempts"]] == [1, 2]
