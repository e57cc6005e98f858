"""What was made is kept while its stamp stays the same, and only the last of it."""

from __future__ import annotations

from ig_tasks.web.latest_cache import LatestCache


def test_it_is_made_again_when_the_stamp_changes_and_the_oldest_goes() -> None:
    made: list[str] = []

    def make(value: str) -> str:
        made.append(value)
        return value

    cache: LatestCache[str] = LatestCache(2)
    assert [cache.get("a", lambda: make("a1"), stamp="1") for _ in range(2)] == ["a1", "a1"]
    assert cache.get("a", lambda: make("a2"), stamp="2") == "a2"
    cache.get("b", lambda: make("b1"), stamp="1")
    cache.get("a", lambda: make("again"), stamp="2")
    cache.get("c", lambda: make("c1"), stamp="1")
    cache.get("a", lambda: make("again"), stamp="2")
    cache.get("b", lambda: make("b1 again"), stamp="1")
    assert made == ["a1", "a2", "b1", "c1", "b1 again"]
