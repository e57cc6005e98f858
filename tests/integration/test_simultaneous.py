"""Processes that write to one run's folder at the same moment lose nothing of each other's."""

import json

from support.together import run_together

from ig_tasks.store import Folder, Manifest, RunFolder

WRITERS, NOTES = 4, 8


def test_of_processes_that_create_one_file_one_alone_does(tmp_path):
    script = """
from ig_tasks.store import Folder
folder, mine = Folder(sys.argv[1]), sys.argv[2]
together()
print(*[int(folder.create_json(f"{number}.json", mine)) for number in range(50)])
"""
    printed = run_together(script, [[str(tmp_path), str(writer)] for writer in range(WRITERS)])
    created = [[int(word) for word in line.split()] for line in printed]
    assert [sum(column) for column in zip(*created, strict=True)] == [1] * 50
    for number in range(50):
        owner = next(writer for writer in range(WRITERS) if created[writer][number])
        assert Folder(str(tmp_path)).read_json(f"{number}.json") == str(owner)


def test_no_attempt_stage_or_file_of_simultaneous_runs_is_lost(tmp_path):
    script = f"""
from ig_tasks.store import Folder, Manifest
folder, mine = Folder(sys.argv[1]), sys.argv[2]
together()
Manifest(folder).begin({{"key": "abc", "begun_by": mine}})
manifest = Manifest(folder)
for number in range({NOTES}):
    manifest.record_attempt("compute_attributions", {{"by": mine, "try": number}})
    manifest.record_stage(f"{{mine}}-{{number}}", seconds=1.0)
    manifest.record_files({{f"{{mine}}-{{number}}": b"x"}})
"""
    run_together(script, [[str(tmp_path), str(writer)] for writer in range(WRITERS)])
    document = json.loads((tmp_path / "manifest.json").read_text())
    everyone = sorted((str(writer), number) for writer in range(WRITERS) for number in range(NOTES))
    assert sorted((attempt["by"], attempt["try"]) for attempt in document["attempts"]) == everyone
    assert sorted(document["stages"]) == sorted(document["files"]) == [f"{who}-{number}" for who, number in everyone]
    assert (document["key"], document["begun_by"] in {"0", "1", "2", "3"}) == ("abc", True)
    assert document.pop("checksum").startswith("sha256:")
    assert Manifest(Folder(str(tmp_path))).document == document


AT_ONCE = """
from ig_tasks.reports.validation_result import Judged
from ig_tasks.reports.rendering import Rendering
from ig_tasks.spec import ExplanationSpec
from ig_tasks.store import RunFolder
folder, examples = sys.argv[1:]
spec = {"version": 1, "name": "demo", "model": "m", "data": "d", "report": {"examples": int(examples)}}
rendering = Rendering.of(RunFolder(folder, "demo", "all-0"), ExplanationSpec.model_validate(spec), say=print)
together()
rendering.write_checks(Judged())
print(rendering.revision, rendering.key)
"""


def test_renderings_of_one_moment_have_a_revision_each_and_the_same_one_has_one(tmp_path):
    printed = run_together(AT_ONCE, [[str(tmp_path), examples] for examples in ("1", "2", "3", "3")])
    said = [line.split() for line in printed]
    keys = {int(revision): key for revision, key in said}
    assert sorted(keys) == [1, 2, 3]
    assert len(set(keys.values())) == 3
    run = RunFolder(str(tmp_path), "demo", "all-0")
    for revision, name in ((1, "validation.json"), (2, "validation.r2.json"), (3, "validation.r3.json")):
        assert run.read_json(name)["rendering"] == keys[revision]


PUBLISH = """
import json
from types import SimpleNamespace
from datetime import UTC, datetime
from ig_tasks.store import Store
store, mine = Store(sys.argv[1]), json.loads(sys.argv[2])
seen = []
together()
for number in mine:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    facts = {"official": True, "published": True, "revision": 1, "created_at": when}
    report = SimpleNamespace(partition=f"{number:04d}", **facts)
    store.publish(store.run("flights", f"{number:04d}-0"), report)
    seen.append(int(store.latest("flights")["partition"]))
print(*seen)
"""


def test_latest_never_moves_back_whoever_publishes_at_the_same_moment(tmp_path):
    rounds = 100
    mine = [list(range(writer, rounds * WRITERS, WRITERS)) for writer in range(WRITERS)]
    printed = run_together(PUBLISH, [[str(tmp_path), json.dumps(numbers)] for numbers in mine])
    for numbers, line in zip(mine, printed, strict=True):
        seen = [int(word) for word in line.split()]
        assert seen == sorted(seen)
        assert all(now >= own for own, now in zip(numbers, seen, strict=True))
    assert json.loads((tmp_path / "flights" / "latest.json").read_text())["run_id"] == f"{rounds * WRITERS - 1:04d}-0"
