"""A remote package is copied once, found again by its listing, and never run from a copy that was changed."""

import fsspec
import numpy as np
import pytest

from ig_tasks.errors import ModelError, TrustError
from ig_tasks.models import open_package


@pytest.fixture
def remote(keras_package, monkeypatch, tmp_path):
    """The Keras package in fsspec's memory file system, with a cache of its own; yields (uri, transfers)."""
    monkeypatch.setenv("IG_TASKS_CACHE", str(tmp_path / "cache"))
    files = fsspec.filesystem("memory")
    files.put(str(keras_package), "/bucket/tiny", recursive=True)
    transfers = []
    original = type(files).get_file
    monkeypatch.setattr(
        type(files), "get_file", lambda self, path, *a, **k: transfers.append(path) or original(self, path, *a, **k)
    )
    yield "memory://bucket/tiny", transfers
    files.rm("/bucket", recursive=True)


def test_copied_once_into_a_folder_named_by_the_digest(remote, keras_package, tmp_path):
    uri, transfers = remote
    package = open_package(uri)
    assert package.digest == open_package(keras_package).digest
    assert package.root == tmp_path / "cache" / "models" / package.digest.replace(":", "-")
    assert package.uri == uri
    assert len(transfers) == 3
    again = open_package(uri)
    assert (again.root, again.digest) == (package.root, package.digest)
    assert len(transfers) == 3
    assert not list((tmp_path / "cache" / "models").glob(".incoming*"))
    inputs = {"numeric": np.ones((1, 2), np.float32), "carrier": np.array([1])}
    assert package.load().predict(inputs).tolist() == [[1 - 2 + 0.5 + 8]]


def test_a_changed_package_is_copied_again(remote):
    uri, _ = remote
    first = open_package(uri)
    fsspec.filesystem("memory").pipe_file("/bucket/tiny/notes.txt", b"new")
    second = open_package(uri)
    assert second.digest != first.digest
    assert (first.root.is_dir(), (second.root / "notes.txt").read_bytes()) == (True, b"new")


def test_a_damaged_copy_is_fetched_again(remote):
    uri, transfers = remote
    package = open_package(uri)
    (package.root / "model.keras").write_bytes(b"damaged")
    assert open_package(uri).digest == package.digest
    assert (package.root / "model.keras").read_bytes() != b"damaged"
    assert len(transfers) == 6


def test_remote_code_needs_trust(torch_package, monkeypatch, tmp_path):
    monkeypatch.setenv("IG_TASKS_CACHE", str(tmp_path / "cache"))
    files = fsspec.filesystem("memory")
    files.put(str(torch_package), "/code/tiny", recursive=True)
    with pytest.raises(TrustError, match="trust: sha256:") as raised:
        open_package("memory://code/tiny", trusted_root=torch_package)
    digest = str(raised.value).split("`trust: ")[1].split("`")[0]
    assert open_package("memory://code/tiny", trust=digest).load().framework == "torch"
    files.rm("/code", recursive=True)


def test_a_cache_inside_the_project_does_not_make_remote_code_trusted(torch_package, monkeypatch, tmp_path):
    monkeypatch.setenv("IG_TASKS_CACHE", str(tmp_path / "cache"))
    files = fsspec.filesystem("memory")
    files.put(str(torch_package), "/code/tiny", recursive=True)
    with pytest.raises(TrustError):
        open_package("memory://code/tiny", trusted_root=tmp_path)
    files.rm("/code", recursive=True)


@pytest.mark.parametrize("uri", ["memory://nowhere/at/all", "nosuch://x/y", "no/such/folder", "file:///no/such"])
def test_nothing_there(uri, monkeypatch, tmp_path):
    monkeypatch.setenv("IG_TASKS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ModelError, match=f"no model package at '{uri}'") as raised:
        open_package(uri)
    assert "\n" not in str(raised.value)


def test_a_file_uri_is_a_local_folder(keras_package):
    assert open_package(f"file://{keras_package}").root == keras_package
