"""The watchdog ends a process that hangs, and no other; errors in one line."""

from __future__ import annotations

import subprocess
import sys

from amt.distributed.worker import error_text

WATCHED = """
import time
from amt.distributed.worker import Watchdog
watchdog = Watchdog(0.4)
time.sleep(0.6)  # Nothing is worked on.
with watchdog.watching(lambda: print("late", flush=True)):
    for _ in range({signs}):
        time.sleep(0.1)
        watchdog.alive()
    time.sleep({pause})
print("done", flush=True)
time.sleep(0.6)
"""


def outcome(signs: int, pause: float) -> tuple[int, list[str]]:
    script = WATCHED.format(signs=signs, pause=pause)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    return done.returncode, done.stdout.split()


def test_the_watchdog_ends_what_gives_no_sign_of_life() -> None:
    assert outcome(signs=0, pause=60) == (1, ["late"])


def test_the_watchdog_waits_for_what_is_slow_but_alive() -> None:
    assert outcome(signs=8, pause=0) == (0, ["done"])


def test_errors_keep_what_users_need() -> None:
    assert error_text(FileNotFoundError(2, "No such file", "x.txt")) == "x.txt: No such file"
    assert error_text(ValueError("two\nlines")) == "two lines"
    assert error_text(KeyError("key")) == "KeyError: 'key'"
