"""What commands write where `--to` says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ig_tasks.cli import main
from ig_tasks.cli.writing import write_whole
from ig_tasks.errors import InputError


@pytest.mark.parametrize(
    "command",
    [
        ["reasons", "runs/nowhere", "--format", "csv"],
        ["export", "runs/nowhere"],
        ["trend", "runs/nowhere"],
        ["import-vertex", "nowhere.json"],
        ["import-clarify", "nowhere.json"],
    ],
)
@pytest.mark.parametrize(("to", "why"), [("folder", "it is a folder); name a file"), ("no/x", "there is no folder no")])
def test_a_folder_is_no_file_and_that_is_said_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    command: list[str], to: str, why: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(SystemExit) as ended:
        main([*command, "--to", to])
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert line.startswith(f"ig-tasks: --to {to}: cannot be written ({why}")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder"]


def test_a_file_stays_as_it_is_when_a_piece_cannot_be_made(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise InputError("no more")

    file = tmp_path / "x.csv"
    file.write_text("earlier")
    with pytest.raises(InputError, match="no more"):
        write_whole(str(file), broken())
    assert file.read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
