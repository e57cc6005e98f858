"""What was made is kept while its stamp stays the same, and only the last of it."""

from __future__ import annotations

from ig_tasks.web.stamped_cache import StampedCache


def test_it_is_made_again_when_the_stamp_changes_and_the_oldest_goes() -> None:
    made: list[str] = []

    def make(value: str) -> str:
        made.append(value)
        return value

    cache: StampedCache[str] = StampedCache(2)
    assert [cache.get("a", "1", lambda: make("a1")) for _ in range(2)] == ["a1", "a1"]
    assert cache.get("a", "2", lambda: make("a2")) == "a2"
    cache.get("b", "1", lambda: make("b1"))
    cache.get("a", "2", lambda: make("again"))
    cache.get("c", "1", lambda: make("c1"))
    cache.get("a", "2", lambda: make("again"))
    cache.get("b", "1", lambda: make("b1 again"))
    assert made == ["a1", "a2", "b1", "c1", "b1 again"]
