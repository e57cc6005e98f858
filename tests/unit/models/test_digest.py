"""The digest changes with every name and byte of a package, and with nothing else."""

import hashlib

import pytest

from ig_tasks.errors import ModelError
from ig_tasks.models.digest import digest_of, file_digests


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "package"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"one")
    (root / "sub" / "b.txt").write_bytes(b"two")
    return root


def digest(root):
    return digest_of(file_digests(root))


def test_files_are_named_from_the_root_and_sorted(folder):
    assert file_digests(folder) == {
        "a.txt": hashlib.sha256(b"one").hexdigest(),
        "sub/b.txt": hashlib.sha256(b"two").hexdigest(),
    }


def test_it_is_the_documented_hash(folder):
    expected = hashlib.sha256()
    for name, content in (("a.txt", b"one"), ("sub/b.txt", b"two")):
        expected.update(len(name).to_bytes(8, "big") + name.encode() + hashlib.sha256(content).digest())
    assert digest(folder) == f"sha256:{expected.hexdigest()}"


def test_bytecode_and_place_do_not_count(folder, tmp_path):
    before = digest(folder)
    (folder / "sub" / "__pycache__").mkdir()
    (folder / "sub" / "__pycache__" / "x.pyc").write_bytes(b"x")
    moved = folder.rename(tmp_path / "elsewhere")
    assert digest(moved) == before


def test_names_bytes_and_further_files_count(folder):
    seen = {digest(folder)}
    (folder / "a.txt").write_bytes(b"One")
    seen.add(digest(folder))
    (folder / "a.txt").rename(folder / "c.txt")
    seen.add(digest(folder))
    (folder / ".hidden").write_bytes(b"")
    seen.add(digest(folder))
    assert len(seen) == 4


def test_a_linked_folder_could_change_unseen(folder, tmp_path):
    (tmp_path / "other").mkdir()
    (folder / "link").symlink_to(tmp_path / "other")
    with pytest.raises(ModelError, match="folder 'link' is a link"):
        digest(folder)


def test_a_link_that_leads_nowhere_is_one_line(folder):
    (folder / "lost").symlink_to(folder / "nothing")
    with pytest.raises(ModelError, match=r"'lost' cannot be read \(No such file or directory\)"):
        file_digests(folder)
