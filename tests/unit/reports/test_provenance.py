"""Keys of a manifest are told in words; names of packages and files stay as they are."""

from __future__ import annotations

from types import SimpleNamespace

from ig_tasks.reports.provenance import flat, provenance_parts

HELD = {
    "key": "94908861d9f3",
    "key_parts": {
        "engine": 6, "model": {"digest": "sha256:c7", "target": "late"}, "data": {"id": "flight_id", "segments": []},
        "attribution": {"memory_limit": 268_435_456, "steps": None}, "shards": {"keep_inputs": True},
    },
    "versions": {"great_expectations": "1.24.1"},
    "attempts": [{"stage": "validate", "by": "command line"}],
    "files": {"attributions/shard-000000.parquet": {"bytes": 12_345}},
}  # fmt: skip


def test_no_raw_key_is_shown() -> None:
    (_, short), (title, long) = provenance_parts(HELD)
    assert title == "What decides the numbers"
    assert long == [
        ("How it was integrated", "6"),
        ("Model, digest", "sha256:c7"),
        ("Model, output", "late"),
        ("Data, column of ids", "flight_id"),
        ("Data, segments", "none"),
        ("Attribution, memory for batches (bytes)", "268,435,456"),
        ("Attribution, steps", "–"),
        ("Shards, inputs kept", "yes"),
    ]
    assert short == [
        ("Key of the run", "94908861d9f3"),
        ("Versions, great_expectations", "1.24.1"),
        ("Attempt 1, stage", "validate"),
        ("Attempt 1, by", "command line"),
        ("Files, attributions/shard-000000.parquet, bytes", "12,345"),
    ]


def test_the_parts_of_the_sample_have_titles_of_words(sample: SimpleNamespace) -> None:
    for title, pairs in provenance_parts(sample.flights_report().provenance):
        assert "_" not in title
        assert not [key for key, _ in pairs if "_" in key]


def test_numbers_of_drift_are_told_the_same_way() -> None:
    assert flat({"largest_change": {"feature": "a", "by": 0.5}}) == [
        ("Largest change, feature", "a"),
        ("Largest change, by", "0.5"),
    ]
