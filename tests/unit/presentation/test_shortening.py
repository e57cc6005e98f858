"""Long names are shortened so that they can still be told apart."""

from ig_tasks.presentation.shortening import shortened, shortened_apart


def test_a_name_keeps_its_beginning_and_its_end() -> None:
    assert shortened("short", 8) == "short"
    name = "customer_lifetime_value_over_90_days_v12"
    assert shortened(name, 25) == "customer_lifetim…days_v12"
    assert len(shortened(name, 25)) == 25


def test_only_names_that_would_read_alike_lose_their_middle() -> None:
    stem = "ratio of late payments to all payments, branch"
    texts = {"a": f"{stem} 1", "b": f"{stem} 2", "c": "another name that is quite as long as those two are", "d": "d"}
    short = shortened_apart(texts, 25)
    assert short["c"] == texts["c"]
    assert short["d"] == "d"
    assert short["a"] == "ratio of late pa…branch 1"
    assert len(set(short.values())) == 4


def test_names_that_would_be_alike_still_stay_whole() -> None:
    texts = {"a": "x" * 20 + "1" + "y" * 20, "b": "x" * 20 + "2" + "y" * 20}
    assert shortened_apart(texts, 18) == texts
