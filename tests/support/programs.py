"""Commands of documents and tests, run in this process where the process is not the subject: it has imported all."""

from __future__ import annotations

import contextlib
import io
import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from ig_tasks import cli
from support.docs import ROOT, Block

__all__ = ["Done", "ig_tasks", "python", "run_block"]


@dataclass(frozen=True)
class Done:
    """How a command ended, as `subprocess.run` tells it."""

    returncode: int
    stdout: str
    stderr: str


def ig_tasks(*arguments: str, cwd: Path | None = None) -> Done:
    """`ig-tasks` with these arguments."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(errors))
        if cwd is not None:
            stack.enter_context(contextlib.chdir(cwd))
        code = cli._run(list(arguments))
    return Done(code, out.getvalue(), errors.getvalue())


def python(file: str, *arguments: str) -> None:
    """`python FILE` with these arguments, from the repository's folder; the program ends with an exit code."""
    folder = str((ROOT / file).parent)
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(sys, "argv", [file, *arguments])
        patch.syspath_prepend(folder)
        stack.enter_context(contextlib.chdir(ROOT))
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / file), run_name="__main__")
    assert not ended.value.code, ended.value.code


def run_block(block: Block, *, apart: bool = False) -> Done:
    """A block of shell: its commands one after the other as long as they succeed.

    Args:
        block: what to run.
        apart: by a shell, in processes of their own; so is a block that is more than commands of ig-tasks.
    """
    lines = block.text.replace("\\\n", " ").splitlines()
    ours = all(line.startswith(("ig-tasks ", "#")) and not set(line) & set("|<>$;&`") for line in lines if line.strip())
    if apart or not ours:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", block.text], capture_output=True, text=True)
        return Done(done.returncode, done.stdout, done.stderr)
    whole = Done(0, "", "")
    for words in block.commands():
        one = ig_tasks(*words[1:])
        whole = Done(one.returncode, whole.stdout + one.stdout, whole.stderr + one.stderr)
        if one.returncode != 0:
            break
    return whole
