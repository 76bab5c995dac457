"""Worker processes that end at once when the program is interrupted."""

import signal
import time

import pytest

from amt.data.workers import _interrupts_held, _pool


def test_workers_end_at_once_when_the_program_is_interrupted() -> None:
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt), _pool(1) as pool:
        pool.submit(time.sleep, 60)
        raise KeyboardInterrupt
    assert time.monotonic() - begin < 20


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows")
def test_an_interruption_waits_for_the_end_of_the_block() -> None:
    ended = False
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), _interrupts_held():
            signal.raise_signal(signal.SIGINT)
            ended = True
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended
