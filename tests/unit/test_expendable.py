"""A process that may die answers questions, and says how it ended when it does not."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ig_tasks import expendable
from ig_tasks.errors import InputError
from ig_tasks.expendable import Died, Expendable

_MODULE = """
import os, sys, time
from ig_tasks.errors import InputError
from ig_tasks.expendable import serve

held = []

class Own(Exception):
    pass

def answer(question):
    if question == "print":
        print("not an answer")
    elif question == "exit":
        os._exit(3)
    elif question == "fault":
        os.kill(os.getpid(), 11)
    elif question == "sleep":
        time.sleep(1e6)
    elif question == "grow":
        held.append(bytearray(os.urandom(1 << 20)) * 300)
        time.sleep(1e6)
    elif question == "own":
        raise Own("words")
    elif question == "ours":
        raise InputError("inputs: no")
    return [question, os.getpid()]

serve(answer)
"""


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Expendable]:
    (tmp_path / "answering.py").write_text(_MODULE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(sys.path)}")
    with Expendable("answering", memory=200 << 20) as opened:
        yield opened


def test_one_process_answers_all_questions(process: Expendable) -> None:
    first, second = process.ask("print"), process.ask({"large": "x" * 3_000_000})
    assert first[0] == "print"
    assert second == [{"large": "x" * 3_000_000}, first[1]]
    with pytest.raises(InputError, match=r"^inputs: no$"):
        process.ask("ours")
    with pytest.raises(RuntimeError, match=r"^Own: words$"):
        process.ask("own")
    assert process.ask(1) == [1, first[1]]


def test_one_that_somebody_stopped_is_waited_for_a_while_and_then_ended(
    process: Expendable, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, pid = process.ask("up")
    os.kill(pid, signal.SIGSTOP)
    looks: list[float] = []

    def go_on() -> None:
        looks.append(1)
        if len(looks) == 3:
            os.kill(pid, signal.SIGCONT)

    assert process.ask("again", waiting=go_on) == ["again", pid]
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(expendable, "STOPPED_SECONDS", 0.5)
    with pytest.raises(Died) as caught:
        process.ask("never")
    assert (caught.value.why, caught.value.words) == ("stopped", "a stop that did not end")


@pytest.mark.parametrize(
    ("question", "why", "words"),
    [
        ("exit", "exit", "exit status 3"),
        ("fault", "exit", "SIGSEGV"),
        ("sleep", "time", "no end within its time"),
        ("grow", "memory", "more memory than a worker has"),
    ],
)
def test_how_it_ended_is_said(process: Expendable, question: str, why: str, words: str) -> None:
    process.ask("up")
    with pytest.raises(Died) as caught:
        process.ask(question, limit=1.0 if question == "sleep" else None)
    assert (caught.value.why, caught.value.words) == (why, words)
    with pytest.raises(Died):
        process.ask("gone")
