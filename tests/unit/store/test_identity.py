"""The same work has the same key, and other work another."""

import re

import pytest

from ig_tasks.store import canonical_json, digest_of, run_id_of, run_key


def test_the_order_of_keys_does_not_matter_and_the_order_of_lists_does():
    assert run_key({"a": 1, "b": [1, 2]}) == run_key({"b": [1, 2], "a": 1})
    assert run_key({"a": [1, 2]}) != run_key({"a": [2, 1]})


@pytest.mark.parametrize("other", [{"a": 1.0000000000000002}, {"a": "1"}, {"a": None}, {}])
def test_any_difference_changes_the_key(other):
    assert run_key(other) != run_key({"a": 1.0})


def test_a_key_is_twelve_hex_digits_behind_the_partition():
    assert re.fullmatch(r"2013-10-[0-9a-f]{12}", run_id_of("2013-10", run_key({})))


@pytest.mark.parametrize("partition", ["a/b", "../x", "New York", "12:00", "a\\b", "x?y#z%"])
def test_a_partition_never_leaves_the_folder_of_its_spec(partition):
    run_id = run_id_of(partition, "0123456789ab")
    assert re.fullmatch(r"[A-Za-z0-9._~%-]+-0123456789ab", run_id)
    assert "/" not in run_id


def test_digests_are_known_sha256():
    empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest_of(b"") == digest_of("") == empty
    assert canonical_json({"b": 1, "a": "é"}) == '{"a":"é","b":1}'


def test_a_number_that_is_not_finite_has_no_identity():
    with pytest.raises(ValueError, match="Out of range"):
        run_key({"a": float("inf")})
