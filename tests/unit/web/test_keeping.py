"""What was made is kept while its stamp stays the same, and only the last of it."""

from __future__ import annotations

from ig_tasks.web.keeping import Kept


def test_it_is_made_again_when_the_stamp_changes_and_the_oldest_goes() -> None:
    made: list[str] = []

    def make(what: str) -> str:
        made.append(what)
        return what

    kept: Kept[str] = Kept(2)
    assert [kept.get("a", "1", lambda: make("a1")) for _ in range(2)] == ["a1", "a1"]
    assert kept.get("a", "2", lambda: make("a2")) == "a2"
    kept.get("b", "1", lambda: make("b1"))
    kept.get("a", "2", lambda: make("again"))
    kept.get("c", "1", lambda: make("c1"))
    kept.get("a", "2", lambda: make("again"))
    kept.get("b", "1", lambda: make("b1 again"))
    assert made == ["a1", "a2", "b1", "c1", "b1 again"]
