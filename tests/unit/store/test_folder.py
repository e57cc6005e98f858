"""A file in the store is there whole or not at all, on every kind of filesystem."""

import errno
import os
import uuid
from pathlib import Path

import pyarrow as pa
import pytest

from ig_tasks.errors import RunError, StoreError
from ig_tasks.store import Folder


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path):
    uri = str(tmp_path / "store") if request.param == "local" else f"memory://{uuid.uuid4().hex}"
    return Folder(uri)


def test_bytes_text_json_and_tables_come_back(folder):
    folder.write_bytes("a/b.bin", b"\x00\x01")
    folder.write_json("c.json", {"x": [1.5, None, "é"]})
    table = pa.table({"x": [1, 2], "y": ["a", None]})
    content = folder.write_table("t.parquet", table)
    assert folder.read_bytes("a/b.bin") == b"\x00\x01"
    assert folder.read_json("c.json") == {"x": [1.5, None, "é"]}
    assert folder.read_table("t.parquet").equals(table)
    assert folder.read_table("t.parquet", columns=["y"]).column_names == ["y"]
    assert folder.read_bytes("t.parquet") == content
    assert folder.size("t.parquet") == len(content)


def test_names_are_listed_in_order_and_an_absent_folder_is_empty(folder):
    for name in ("x/b.json", "x/a.json", "y.json"):
        folder.write_text(name, "1")
    assert folder.names("x") == ["a.json", "b.json"]
    assert folder.names() == ["x", "y.json"]
    assert folder.names("nothing") == []
    assert folder.exists("x/a.json")
    assert not folder.exists("x/c.json")


def test_what_is_removed_is_gone_and_may_have_been_gone_before(folder):
    folder.write_text("x/a.txt", "one")
    folder.remove("x/a.txt")
    folder.remove("x/a.txt")
    assert folder.names("x") == []


def test_a_second_write_replaces_the_first(folder):
    folder.write_text("a.txt", "one")
    folder.write_text("a.txt", "two")
    assert folder.read_text("a.txt") == "two"
    assert folder.names() == ["a.txt"]


def test_a_file_is_created_once(folder):
    assert folder.create_json("a/b.json", 1)
    assert not folder.create_json("a/b.json", 2)
    assert folder.read_json("a/b.json") == 1
    assert folder.names("a") == ["b.json"]


def test_a_disk_without_hard_links_is_looked_at_first(tmp_path, monkeypatch):
    def refused(self, target):
        raise OSError(errno.EOPNOTSUPP, "no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    folder = Folder(str(tmp_path))
    assert folder.create_bytes("a.txt", b"one")
    assert not folder.create_bytes("a.txt", b"two")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert folder.read_text("a.txt") == "one"


@pytest.mark.parametrize(
    "refusal",
    [
        TypeError("pipe_file() got an unexpected keyword argument 'mode'"),
        NotImplementedError(),
        OSError(errno.ENOSYS, "A header you provided implies functionality that is not implemented"),
        OSError(errno.EINVAL, "At least one of the pre-conditions you specified did not hold"),
    ],
)
def test_an_object_store_that_knows_no_conditional_put_is_looked_at_first(monkeypatch, refusal):
    folder = Folder(f"memory://{uuid.uuid4().hex}")
    pipe_file = folder.filesystem.pipe_file

    def refusing(path, value, mode="overwrite"):
        # What S3's packages make of "it is there already" is an error like any other.
        if mode == "create" and (getattr(refusal, "errno", None) != errno.EINVAL or folder.exists("a.txt")):
            raise refusal
        pipe_file(path, value)

    monkeypatch.setattr(folder.filesystem, "pipe_file", refusing)
    assert folder.create_bytes("a.txt", b"one")
    assert not folder.create_bytes("a.txt", b"two")
    assert folder.read_text("a.txt") == "one"


def test_a_conditional_put_that_breaks_is_no_file_that_was_there(monkeypatch):
    folder = Folder(f"memory://{uuid.uuid4().hex}")

    def broken(path, value, mode="overwrite"):
        raise OSError(errno.EACCES, "Access Denied")

    monkeypatch.setattr(folder.filesystem, "pipe_file", broken)
    with pytest.raises(RunError, match=r"a\.txt cannot be written .*Access Denied"):
        folder.create_bytes("a.txt", b"one")


def test_a_write_that_breaks_leaves_the_old_file_and_no_remains(tmp_path, monkeypatch):
    folder = Folder(str(tmp_path))
    folder.write_text("a.txt", "old")

    def broken(self, target):
        raise OSError("disk gone")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(RunError, match=r"a\.txt cannot be written \(disk gone\)"):
        folder.write_text("a.txt", "new")
    assert folder.read_text("a.txt") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_not_a_number_is_refused_rather_than_written_as_invalid_json(folder):
    with pytest.raises(ValueError, match="Out of range float"):
        folder.write_json("a.json", {"x": float("nan")})
    assert not folder.exists("a.json")


def test_a_filesystem_that_is_not_there_is_one_line():
    with pytest.raises(StoreError, match=r"^store 'nosuch://x': cannot be opened"):
        Folder("nosuch://x")


def test_a_lock_is_no_name_and_holds_up_no_one_when_its_block_breaks(folder):
    folder.write_text("a.txt", "one")
    with pytest.raises(FileNotFoundError), folder.locked("a.txt"):
        folder.read_text("b.txt")
    with folder.locked("a.txt"):
        assert folder.names() == ["a.txt"]


def test_where_there_can_be_no_lock_the_write_speaks_for_itself(tmp_path):
    (tmp_path / "file").write_text("")
    folder = Folder(str(tmp_path / "file"))
    with folder.locked("a.txt"), pytest.raises(RunError, match=r"a\.txt cannot be written"):
        folder.write_text("a.txt", "one")


def test_what_a_killed_writer_left_is_no_name(folder):
    folder.write_text("a.txt", "whole")
    folder.write_text(".b.txt.0123.part", "ha")
    assert folder.names() == ["a.txt"]


def test_a_file_in_the_way_is_found_before_anything_is_written(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    Folder(str(tmp_path / "new" / "place")).require_writable()
    for name in ("file", "gone"):
        with pytest.raises(StoreError, match=rf"^store .*: .*/{name} is not a folder; give a folder of your own$"):
            Folder(str(tmp_path / name / "runs")).require_writable()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "gone"]


@pytest.mark.parametrize("place", ["/proc", "/proc/self/runs", "/sys/runs"])
def test_a_folder_that_refuses_whoever_asks_is_found_by_trying(place):
    if not Path(place).parent.is_dir():
        pytest.skip("a system without such folders")
    with pytest.raises(
        StoreError, match=r"^store /\w+.*: /\S+ cannot be written to \(.+\); give a folder of your own$"
    ):
        Folder(place).require_writable()


def test_a_folder_without_permission_is_found_by_trying(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    if os.geteuid() == 0:
        pytest.skip("the superuser may write anywhere")
    with pytest.raises(StoreError, match=r"/locked cannot be written to \(Permission denied\)"):
        Folder(str(tmp_path / "locked" / "runs")).require_writable()


def test_trying_leaves_no_file(folder):
    folder.write_text("a.txt", "one")
    folder.require_writable()
    assert [str(path).rsplit("/", 1)[-1] for path in folder.filesystem.ls(folder.root, detail=False)] == ["a.txt"]


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (FileNotFoundError("The specified bucket does not exist"), StoreError, r"cannot be written to \(The specified"),
        (PermissionError("Access Denied"), StoreError, r"cannot be written to \(Access Denied\); give a place of your"),
        (NotImplementedError(), StoreError, r"cannot be written to \(NotImplementedError\); give a place of your own$"),
        (ConnectionError("no route"), RunError, r"cannot be written \(no route\)$"),
    ],
)
def test_what_a_remote_store_refuses_is_a_mistake_and_what_breaks_may_be_tried_again(monkeypatch, error, kind, said):
    folder = Folder(f"memory://{uuid.uuid4().hex}")

    def refusing(path, value, **options):
        raise error

    monkeypatch.setattr(folder.filesystem, "pipe_file", refusing)
    with pytest.raises(kind, match=r"^store memory://\w+: .*" + said):
        folder.require_writable()


def test_what_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / "file").mkdir()
    folder = Folder(str(tmp_path))
    with pytest.raises(RunError, match=r"^store .*: file cannot be read \("):
        folder.read_bytes("file")
    with pytest.raises(FileNotFoundError):
        folder.read_bytes("nothing")
