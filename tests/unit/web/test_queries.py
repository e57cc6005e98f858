"""A page of a filter, one row, its neighbours: against pandas over the same rows."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.stored_rows import flights, write_rows

from ig_tasks.errors import DamagedError, QueryError, RunError
from ig_tasks.web.conditions import Condition, Order
from ig_tasks.web.queries import RunRows
from ig_tasks.web.query_engine import LIMITS, asking

FRAMES = [flights(60, 0), flights(41, 1)]
ALL = pd.concat(FRAMES, ignore_index=True)


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> RunRows:
    return RunRows(*write_rows(str(tmp_path_factory.mktemp("a [run]*?") / "2013-01"), FRAMES))


def ids(found) -> list[tuple[str, str]]:
    return [(row["row_id"], row["target"]) for row in found]


def expected(kept: pd.Series, by: str = "output", *, descending: bool = True, key=None) -> list[tuple[str, str]]:
    frame = ALL[kept].copy()
    frame["by"] = frame[by] if key is None else key(frame[by])
    frame = frame.sort_values(["row_id", "target"]).sort_values(
        "by", ascending=not descending, na_position="last", kind="stable"
    )
    return list(zip(frame["row_id"], frame["target"], strict=True))


INPUT, CARRIER = ALL["input:delay"], ALL["input:carrier"]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        (Condition("input:delay", "ge", "12.5"), INPUT >= 12.5),
        (Condition("input:delay", "gt", "-3"), INPUT > -3),
        (Condition("input:delay", "le", "−3"), INPUT <= -3),
        (Condition("input:delay", "lt", "1e1"), INPUT < 10),
        (Condition("input:delay", "eq", str(INPUT[0])), INPUT[0] == INPUT),
        (Condition("input:delay", "ne", str(INPUT[0])), (INPUT[0] != INPUT) & INPUT.notna()),
        (Condition("input:delay", "size_ge", "20"), INPUT.abs() >= 20),
        (Condition("input:delay", "size_le", "20"), INPUT.abs() <= 20),
        (Condition("input:delay", "missing"), INPUT.isna()),
        (Condition("input:delay", "present"), INPUT.notna()),
        (Condition("error_estimate", "ge", "0"), ALL["error_estimate"].notna()),
        (Condition("error_estimate", "missing"), ALL["error_estimate"].isna()),
        (Condition("evaluations", "gt", "5"), ALL["evaluations"] > 5),
        (Condition("input:carrier", "is", "it's"), CARRIER == "it's"),
        (Condition("input:carrier", "is_not", "AA"), CARRIER != "AA"),
        (Condition("input:carrier", "contains", "NITE"), CARRIER == "Ünited"),
        (Condition("input:carrier", "starts", "ün"), CARRIER == "Ünited"),
        (Condition("input:carrier", "is", "AA' OR 1=1 --"), CARRIER == "nobody"),
        (Condition("segment:origin", "is", "JFK"), ALL["segment:origin"] == "JFK"),
        (Condition("status", "is", "unverified"), ALL["status"] == "unverified"),
        (Condition("target", "is", "late"), ALL["target"] == "late"),
    ],
)
def test_each_condition_keeps_the_rows_that_it_says(rows, condition, kept):
    page = rows.page([condition], number=200)
    assert page.count == kept.sum()
    assert ids(page.rows) == expected(kept)[:200]


def test_conditions_hold_together_and_pages_follow_each_other(rows):
    conditions = [Condition("segment:origin", "is", "JFK"), Condition("attribution:delay", "size_ge", "0.3")]
    kept = (ALL["segment:origin"] == "JFK") & (ALL["attribution:delay"].abs() >= 0.3)
    order = Order("attribution:carrier", descending=False, by_size=True)
    wanted = expected(kept, "attribution:carrier", descending=False, key=np.abs)
    found = [
        one
        for offset in range(0, len(wanted) + 20, 20)
        for one in ids(rows.page(conditions, order, number=20, offset=offset).rows)
    ]
    assert found == wanted
    assert rows.page(conditions, order, number=7, offset=10_000).rows == ()


@pytest.mark.parametrize("descending", [True, False])
def test_rows_without_a_value_come_last_either_way(rows, descending):
    found = rows.page((), Order("input:delay", descending=descending), number=200, columns=["row_id", "input:delay"])
    held = [row["input:delay"] for row in found.rows]
    gaps = int(INPUT.isna().sum())
    assert found.count == len(ALL)
    numbers = INPUT.dropna().sort_values(ascending=not descending).tolist()
    assert held[: len(numbers)] == numbers[:200]
    assert all(value is None or value != value for value in held[len(numbers) :])
    assert gaps == len(ALL) - len(numbers)


def test_one_row_is_read_whole_and_exactly(rows):
    wanted = ALL[(ALL["row_id"] == "1-7") & (ALL["target"] == "very_late")].iloc[0]
    row = rows.row("1-7", "very_late")
    assert row is not None
    assert list(row) == list(ALL)
    assert row["output"] == wanted["output"]
    assert row["attribution:delay"] == wanted["attribution:delay"]
    assert rows.row("1-7")["target"] in ("late", "very_late")
    assert rows.targets_of("1-7") == ("late", "very_late")
    assert rows.row("1-7", "later") is None
    assert rows.row("' OR ''='") is None


def test_neighbours_are_the_next_outputs_of_the_same_target(rows):
    of_target = ALL[ALL["target"] == "late"].sort_values(["output", "row_id"], ascending=False)["row_id"].tolist()
    for row_id in (of_target[0], of_target[50], of_target[-1]):
        place = of_target.index(row_id)
        found = rows.neighbours(rows.row(row_id, "late"), 3)
        assert [row["row_id"] for row in found] == of_target[max(0, place - 3) : place] + of_target[
            place + 1 : place + 4
        ]


def test_a_download_holds_the_first_rows_and_says_how_many_there_are(rows):
    short = RunRows(rows._files._checked, rows._files._digests, replace(LIMITS, download=10))
    table, count = short.table([Condition("target", "is", "late")], Order("attribution:delay"))
    assert (table.num_rows, count) == (10, 101)
    assert table.column_names == list(ALL)
    best = ALL[ALL["target"] == "late"]["attribution:delay"].nlargest(10).tolist()
    assert table.column("attribution:delay").to_pylist() == best


def test_names_differing_by_case_or_holding_anything_are_columns_of_their_own(tmp_path):
    odd = 'x"; DROP TABLE t; --\n\x00é'
    table = pa.table(
        {
            "row_id": ["a", "b"], "target": ["t", "t"], "output": [1.0, 2.0],
            "input:A": [1.0, 2.0], "input:a": [30.0, 40.0], f"input:{odd}": ["u", "v"],
        }
    )  # fmt: skip
    swapped = table.select(["row_id", "target", "output", "input:A", "input:a", f"input:{odd}"])
    rows = RunRows(*write_rows(str(tmp_path / "run"), [table, swapped]))
    found = rows.page([Condition("input:a", "ge", "35")], columns=["row_id", "input:A", "input:a", f"input:{odd}"])
    assert list(found.rows) == [{"row_id": "b", "input:A": 2.0, "input:a": 40.0, f"input:{odd}": "v"}] * 2
    assert rows.page([Condition(f"input:{odd}", "is", "u")]).count == 2


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (Condition("input:delay", "ge", "nan"), "is not a number such as"),
        (Condition("input:delay", "ge", "inf"), "is not a number such as"),
        (Condition("input:delay", "ge", "1e999"), "is not a number that can be written"),
        (Condition("input:delay", "ge", "1_000"), "is not a number such as"),
        (Condition("input:delay", "ge", "0x10"), "is not a number such as"),
        (Condition("input:delay", "ge", "１"), "is not a number such as"),
        (Condition("input:delay", "ge", ""), "is not a number such as"),
        (Condition("input:delay", "ge", "1; DROP TABLE rows"), "is not a number such as"),
        (Condition("input:delay", "ge", "9" * 5000), "is not a number such as"),
        (Condition("input:delay", "is", "1"), "comparison 'is': there is none of column 'input:delay'"),
        (Condition("input:carrier", "ge", "1"), "which holds text; choose one of is, is_not"),
        (Condition("input:carrier", "= '' OR 1=1 --", "1"), "there is none of column"),
        (Condition("input:carrier", "is", "x" * 201), "a value of 201 characters; at most 200"),
        (Condition("input:carrier", "is", "\ud800"), "the value is no text that can be written"),
        (Condition("c0", "is", "1"), "column 'c0': the rows of this run have none"),
        (Condition("input:Delay", "ge", "1"), "did you mean 'input:delay'?"),
        (Condition("", "is", ""), "column '': the rows of this run have none"),
        (Condition('"row_id" = "row_id" OR "', "is", ""), "the rows of this run have none"),
        (Condition("file_row_number", "ge", "0"), "the rows of this run have none"),
    ],
)
def test_a_condition_that_says_nothing_of_these_columns_is_refused_in_one_line(rows, condition, says):
    with pytest.raises(QueryError) as refused:
        rows.page([condition])
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"number": 0}, "rows on a page: 0 is not between 1 and 200"),
        ({"number": 10**9}, "rows on a page: 1,000,000,000 is not between"),
        ({"offset": -1}, "offset: -1 is not between 0 and 100,000; sort or filter"),
        ({"offset": 10**30}, "is not between 0 and 100,000"),
        ({"order": Order("input:carrier", by_size=True)}, "column 'input:carrier' holds text; choose one of numbers"),
        ({"order": Order("output; --")}, "the rows of this run have none"),
        ({"columns": ["output", "1; SELECT 1"]}, "the rows of this run have none"),
        ({"conditions": [Condition("status", "present")] * 13}, "13 conditions: at most 12"),
    ],
)
def test_pages_orders_and_columns_out_of_bounds_are_refused(rows, asked, says):
    with pytest.raises(QueryError, match=says.replace("(", r"\(").replace("?", r"\?")):
        rows.page(**asked)


def test_lists_are_read_with_a_row_and_cannot_be_asked_for(tmp_path):
    table = pa.table(
        {
            "row_id": ["a"], "target": ["t"], "output": [1.0],
            "tokens:text": pa.array([["a", "b"]]), "token_attributions:text": pa.array([[0.5, -0.25]]),
        }
    )  # fmt: skip
    rows = RunRows(*write_rows(str(tmp_path / "run"), [table]))
    assert rows.row("a")["token_attributions:text"] == [0.5, -0.25]
    assert rows.table()[0].column_names == ["row_id", "target", "output"]
    with pytest.raises(QueryError, match="holds lists"):
        rows.page([Condition("tokens:text", "contains", "a")])


@pytest.mark.parametrize("place", ["{tmp}/store/run", "memory://rows-of-queries/run"])
def test_a_file_that_is_not_what_was_written_is_not_read(tmp_path, place):
    folder, digests = write_rows(place.format(tmp=tmp_path), FRAMES)
    name = "attributions/shard-000001.parquet"
    written = folder.read_bytes(name)
    folder.write_bytes(name, written[:-1] + b"\0")
    with pytest.raises(DamagedError, match=r"shard-000001[.]parquet is damaged"):
        RunRows(folder, digests).page()
    folder.write_bytes(name, written)
    assert RunRows(folder, digests).page().count == len(ALL)
    if place.startswith("memory"):
        return  # what is read from now on is a copy of what was written
    folder.write_bytes(name, written[:100] + b"\0" + written[101:])
    with pytest.raises(DamagedError, match="not what was written"):
        RunRows(folder, digests).page()
    Path(folder.path_of(name)).unlink()
    with pytest.raises(DamagedError, match="it is missing"):
        RunRows(folder, digests).page()


def test_a_run_whose_manifest_knows_no_rows_has_none(tmp_path):
    folder, _ = write_rows(str(tmp_path / "run"), FRAMES)
    with pytest.raises(QueryError, match="its rows are not in the store"):
        RunRows(folder, {"report.json": "sha256:0"})


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM read_parquet('igrows://7')",
        "SELECT * FROM read_parquet('igrows://../0')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM frame",
        "COPY (SELECT 1) TO '{secret}'",
        "COPY (SELECT 1) TO 'igrows://0'",
        "ATTACH '{secret}.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SET allowed_paths = ['/etc/passwd']",
    ],
)
def test_the_connection_reaches_nothing_but_the_rows(rows, tmp_path, query):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    frame = pd.DataFrame({"a": [1]})
    assert len(frame) == 1
    with rows.asking() as question, pytest.raises(RunError) as refused:
        question.ask(query.format(secret=secret))
    assert "\n" not in str(refused.value)
    assert secret.read_text() == "secret"


def test_a_question_ends_when_its_time_is_over(rows):
    limits = replace(LIMITS, seconds=0.3)
    with (
        asking(rows._files, rows.columns, limits) as question,
        pytest.raises(QueryError, match=r"longer than 0\.3 s"),
    ):
        question.ask("SELECT sum(a.range + b.range) FROM range(10000000) a, range(10000000) b")


def test_a_question_is_bounded_in_memory(rows):
    limits = replace(LIMITS, memory="32MB")
    with (
        asking(rows._files, rows.columns, limits) as question,
        pytest.raises(QueryError, match="more than 32MB of memory"),
    ):
        question.ask("SELECT list(range) FROM range(100000000)")


def test_threads_that_share_a_handle_do_not_move_each_others_position(rows):
    with rows._files.open(0) as handle:
        whole = handle.read()
        places = [7 * place % (len(whole) - 9) for place in range(200)]
        turn = threading.Barrier(4)

        def read(first: int) -> list[bytes]:
            found = []
            for at in places[first:] + places[:first]:
                turn.wait()
                handle.seek(at)
                turn.wait()  # by now every thread has moved
                found.append(handle.read(9))
            return found

        with ThreadPoolExecutor(4) as pool:
            for first, found in enumerate(pool.map(read, range(4))):
                assert found == [whole[at : at + 9] for at in places[first:] + places[:first]]
