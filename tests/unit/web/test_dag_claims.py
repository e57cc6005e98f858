"""Which DAG makes which reports: told by the DAGs themselves, and shut where it is not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ig_tasks.web.dag_claims import Claim, Makers, claims_in
from ig_tasks.web.spec_places import SpecPlace, canonical_store, plain_store, spec_key

OWN = "/srv/runs"


def keys(makers: Makers) -> set[str]:
    return set(makers.elsewhere)


def test_a_spec_of_the_own_store_belongs_to_the_dag_of_its_name() -> None:
    makers = Makers.of(OWN, ())
    assert makers.of_spec("loans", set()) == {"ig_loans"}
    assert makers.of_spec("loans@0123456789ab", {"ig_loans"}) == frozenset()
    assert makers.specs_of("ig_loans") == ["loans"]
    assert makers.specs_of("nightly") == []


def test_a_task_group_in_another_dag_belongs_to_that_dag() -> None:
    makers = Makers.of(OWN, [Claim("nightly", "loans", OWN), Claim("nightly", "fraud", OWN)])
    assert makers.of_spec("loans", {"ig_other"}) == {"nightly"}
    assert makers.specs_of("nightly") == ["fraud", "loans"]
    assert keys(makers) == set()


def test_where_several_dags_make_a_spec_all_of_them_must_be_open() -> None:
    claims = [Claim("ig_loans", "loans", OWN), Claim("nightly", "loans", f"{OWN}/")]
    assert Makers.of(OWN, claims).of_spec("loans", {"ig_loans"}) == {"ig_loans", "nightly"}
    # A DAG that is called after the spec counts too where it says nothing: a spec that does not load any more.
    assert Makers.of(OWN, claims[1:]).of_spec("loans", {"ig_loans"}) == {"ig_loans", "nightly"}


def test_specs_of_one_name_in_two_stores_are_two(tmp_path: Path) -> None:
    mine, theirs = str(tmp_path / "mine"), str(tmp_path / "theirs")
    makers = Makers.of(OWN, [Claim("ig_loans", "loans", mine), Claim("team", "loans", theirs)])
    first, second = (spec_key(SpecPlace("loans", store), OWN) for store in (mine, theirs))
    assert keys(makers) == {first, second}
    assert makers.of_spec(first, {"ig_loans"}) == {"ig_loans"}
    assert makers.of_spec(second, {"ig_loans"}) == {"team"}
    # What lies in the own store from before the spec had a store belongs to the DAG of its name.
    assert makers.of_spec("loans", {"ig_loans"}) == {"ig_loans"}
    assert makers.specs_of("ig_loans") == [first]
    assert makers.stores == [OWN, mine, theirs]


@pytest.mark.parametrize("alias", ["{store}/", "file://{store}", "local://{store}", "{store}/../store", "{link}"])
def test_no_other_way_to_write_a_store_lets_anybody_in(tmp_path: Path, alias: str) -> None:
    store = tmp_path / "store"
    store.mkdir()
    link = tmp_path / "link"
    link.symlink_to(store)
    written = alias.format(store=store, link=link)
    # Into the browser's own store, and into that of another DAG.
    assert Makers.of(str(store), [Claim("evil", "loans", written)]).of_spec("loans", {"ig_loans"}) == {
        "ig_loans",
        "evil",
    }
    makers = Makers.of(OWN, [Claim("ig_loans", "loans", str(store)), Claim("evil", "loans", written)])
    assert keys(makers)
    assert {makers.of_spec(key, set()) for key in keys(makers)} == {frozenset({"ig_loans", "evil"})}


def test_a_dag_whose_store_is_not_known_shuts_and_does_not_open(tmp_path: Path) -> None:
    store = str(tmp_path)
    claims = [Claim("ig_loans", "loans", store), Claim("silent", "loans", None)]
    makers = Makers.of(OWN, claims)
    assert {makers.of_spec(key, set()) for key in keys(makers)} == {frozenset({"ig_loans", "silent"})}
    assert makers.of_spec("loans", set()) == {"silent"}
    odd = Makers.of(OWN, [*claims[:1], Claim("odd", "loans", "simplecache::s3://a/b"), Claim("x", "y", "nosuch://z")])
    assert keys(odd) == keys(Makers.of(OWN, claims[:1]))
    assert {odd.of_spec(key, set()) for key in keys(odd)} == {frozenset({"ig_loans", "odd"})}


def stored(*writes: Any) -> dict[str, Any]:
    return {"dag": {"tasks": [{"__var": {"task_id": "t", "writes": held}} for held in writes]}}


def test_what_a_dag_says_is_read_of_what_airflow_keeps() -> None:
    def store_of(store: str, beside: str) -> str:
        return store or beside

    document = stored(
        {"spec": "loans", "store": "s3://a/%7Bx%7D", "beside": "/b"}, {"spec": "fraud", "store": "", "beside": "/b%20c"}
    )
    assert claims_in("nightly", document, {"loans", "fraud", "old"}, store_of) == [
        Claim("nightly", "loans", "s3://a/{x}"),
        Claim("nightly", "fraud", "/b c"),
        Claim("nightly", "old", None),
    ]


@pytest.mark.parametrize(
    "document",
    [
        None,
        3,
        {},
        {"dag": None},
        {"dag": {"tasks": None}},
        {"dag": {"tasks": ["x", None, {"__var": 3}]}},
        stored("Truncated. You can change this behaviour", None, 3, ["loans"]),
        stored({"spec": "../loans", "store": "/x"}, {"spec": 4}, {"spec": "loans@0123456789ab", "store": "/x"}),
    ],
)
def test_a_dag_that_says_nothing_readable_is_one_of_an_unknown_store(document: Any) -> None:
    assert claims_in("d", document, {"loans"}, lambda store, beside: store) == [Claim("d", "loans", None)]


def test_stores_are_compared_as_this_server_reads_them(tmp_path: Path) -> None:
    assert canonical_store(f"file://{tmp_path}/") == canonical_store(str(tmp_path)) == str(tmp_path.resolve())
    assert canonical_store("memory://a/b/") == canonical_store("memory://a/b")
    with pytest.raises(ValueError, match="laid over"):
        canonical_store("simplecache::memory://a")
    assert plain_store("s3://a//") == "s3://a"
    assert spec_key(SpecPlace("loans", f"file://{OWN}/"), OWN) == "loans"
