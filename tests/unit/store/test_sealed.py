"""A sealed file says itself whether it is what was written: every single bit of it counts."""

import json

import pytest

from ig_tasks.errors import DamagedError, RunError
from ig_tasks.store import Folder, Manifest, RunFolder, digest_of, read_sealed, set_aside, take_sealed, write_sealed
from ig_tasks.store.sealed import seal, seal_binary, unseal, unseal_binary

DOCUMENT = {"a": [1, 2.5, None], "é": {"x": "y"}}


@pytest.mark.parametrize("indent", [2, None])
def test_a_sealed_document_is_json_and_comes_back(indent):
    content = seal(DOCUMENT, indent=indent)
    assert json.loads(content).keys() == {"checksum", "a", "é"}
    assert unseal(content) == DOCUMENT


@pytest.mark.parametrize("indent", [2, None])
def test_no_flipped_bit_goes_unnoticed(indent):
    content = seal(DOCUMENT, indent=indent)
    for place in range(len(content)):
        for bit in range(8):
            flipped = content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]
            with pytest.raises(ValueError, match=r"checksum|JSON"):
                unseal(flipped)


@pytest.mark.parametrize("length", range(0, 90, 7))
def test_no_part_of_it_is_taken_for_the_whole(length):
    with pytest.raises(ValueError, match=r"checksum|empty"):
        unseal(seal(DOCUMENT)[:length])


def test_a_bit_that_hides_the_checksum_changes_nothing_else():
    """A file from before there were checksums is read where it says so; a flipped bit cannot make one with others."""
    content = seal(DOCUMENT)
    assert unseal(json.dumps(DOCUMENT).encode(), unsealed=True) == DOCUMENT
    for place in range(len(content)):
        flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        try:
            found = unseal(flipped, unsealed=True)
        except ValueError:
            continue
        assert {key: found[key] for key in DOCUMENT} == DOCUMENT


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "it is empty"), (bytes(40), "nothing but zeros"), (b"[1]", "begin with a checksum")]
)
def test_a_damaged_file_is_named_with_what_is_wrong_and_what_to_do(tmp_path, content, why):
    folder = Folder(str(tmp_path))
    folder.write_bytes("a/b.json", content)
    with pytest.raises(DamagedError, match=rf"/a/b\.json is damaged \(.*{why}.*\); run again"):
        read_sealed(folder, "a/b.json")


@pytest.mark.parametrize("place", ["local", "memory"])
def test_what_is_set_aside_is_kept_and_its_place_is_free(tmp_path, place):
    folder = Folder(str(tmp_path) if place == "local" else f"memory://{tmp_path.name}")
    folder.write_bytes("a/b.json", b"half")
    lines: list[str] = []
    assert take_sealed(folder, "a/b.json", lines.append) is None
    assert not folder.exists("a/b.json")
    (kept,) = folder.names("damaged")
    assert kept.endswith("-a-b.json")
    assert folder.read_bytes(f"damaged/{kept}") == b"half"
    (line,) = lines
    assert line.startswith(f"{folder.uri_of('a/b.json')} is damaged (it does not begin with a checksum); ")
    assert line.endswith(f"; it is set aside as damaged/{kept} and made again")
    assert take_sealed(folder, "a/b.json", lines.append) is None
    write_sealed(folder, "a/b.json", DOCUMENT)
    assert take_sealed(folder, "a/b.json", lines.append) == DOCUMENT
    assert len(lines) == 1


def test_a_file_that_another_process_has_set_aside_is_no_error(tmp_path):
    assert "set aside" in set_aside(Folder(str(tmp_path)), "a.json", DamagedError("a.json is damaged (it is empty)"))


def test_a_checked_folder_compares_what_it_reads(tmp_path):
    run = RunFolder(str(tmp_path), "n", "r")
    run.write_bytes("a", b"one")
    run.write_bytes("b", b"two")
    checked = run.checked({"a": digest_of(b"one"), "b": digest_of(b"other"), "c": digest_of(b"")})
    assert checked.read_bytes("a") == b"one"
    with pytest.raises(DamagedError, match=r"/b is damaged \(its content is not what was written: sha256:"):
        checked.read_bytes("b")
    with checked.opened("a") as handle:
        assert handle.read() == b"one"
    with pytest.raises(DamagedError, match="it is missing"):
        checked.read_bytes("c")
    assert run.read_bytes("b") == b"two"
    assert issubclass(DamagedError, RunError)


def test_a_damaged_manifest_is_told_by_its_notes(tmp_path):
    folder = Folder(str(tmp_path))
    manifest = Manifest(folder)
    manifest.begin({"key": "abc", "started_at": "then"})
    manifest.record_stage("validate", seconds=1.0)
    manifest.record_files({"a": b"content"})
    whole = Manifest(folder).document
    folder.write_bytes("manifest.json", folder.read_bytes("manifest.json")[:-30])
    again = Manifest(folder)
    assert again.document == whole
    lines: list[str] = []
    again.mend(lines.append)
    assert [line.partition("; ")[2] for line in lines] == [
        f"it is set aside as damaged/{folder.names('damaged')[0]} and made again"
    ]
    assert read_sealed(folder, "manifest.json") == whole


def test_a_note_that_is_damaged_takes_nothing_with_it(tmp_path):
    folder = Folder(str(tmp_path))
    manifest = Manifest(folder)
    manifest.begin({"key": "abc"})
    folder.write_bytes("manifest/9-late.json", b"")
    manifest = Manifest(folder)
    assert list(manifest.damage) == ["manifest/9-late.json"]
    manifest.record_files({"a": b"content"})
    manifest.mend(print)
    assert Manifest(folder).damage == {}
    assert Manifest(folder).document["files"] == {"a": digest_of(b"content")}


def test_a_manifest_of_which_nothing_is_left_says_so(tmp_path):
    folder = Folder(str(tmp_path))
    folder.write_bytes("manifest.json", b"")
    with pytest.raises(DamagedError, match=r"manifest\.json is damaged \(it is empty\)"):
        Manifest(folder)


def test_a_file_that_two_wrote_at_one_moment_is_that_of_either(tmp_path):
    folder = Folder(str(tmp_path))
    manifest = Manifest(folder)
    manifest.begin({})
    manifest.record_files({"report.json": b"mine"})
    manifest.record_files({"report.json": b"theirs"})
    folder.write_bytes("report.json", b"mine")
    assert Manifest(folder).read("report.json") == b"mine"
    folder.write_bytes("report.json", b"neither")
    with pytest.raises(DamagedError, match=r"report\.json is damaged"):
        Manifest(folder).read("report.json")


def test_json_deeper_than_python_reads_is_refused_as_any_other_damage():
    with pytest.raises(ValueError, match="it is not JSON"):
        unseal(b'{"a": ' + b"[" * 100_000, unsealed=True)


def test_bytes_behind_a_document_come_back_and_no_flipped_bit_goes_unnoticed():
    content = seal_binary(DOCUMENT, b"\n\0abc\n")
    assert unseal_binary(content) == (DOCUMENT, b"\n\0abc\n")
    assert json.loads(content.partition(b"\n")[0]).keys() == {"checksum", "a", "é"}
    for place in range(len(content)):
        for bit in range(8):
            flipped = content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]
            with pytest.raises(ValueError, match="checksum"):
                unseal_binary(flipped)
    for length in range(0, len(content), 7):
        with pytest.raises(ValueError, match=r"checksum|empty"):
            unseal_binary(content[:length])
