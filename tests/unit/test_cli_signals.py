"""What a signal raises within a command."""

from __future__ import annotations

import os
import signal

import pytest

from ig_tasks.cli.signals import Terminated, code_of, stoppable


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_the_first_signal_raises_and_the_handlers_of_before_are_back(number: int, raised: type[BaseException]) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]

    def stopped() -> None:
        os.kill(os.getpid(), number)
        signal.pause()

    with pytest.raises(raised), stoppable():
        stopped()
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    assert code_of(number) == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stoppable():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
