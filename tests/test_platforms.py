"""Every module can be imported on a system without what only POSIX systems have."""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sys

import pytest

import amt

# What Windows lacks in Python's library.
MODULES = (
    "fcntl",
    "resource",
    "pwd",
    "grp",
    "termios",
    "tty",
    "pty",
    "posix",
    "syslog",
    "readline",
)
OS_NAMES = (
    "fork", "getuid", "geteuid", "getgid", "setsid", "killpg", "nice", "mkfifo", "uname", "statvfs",
    "memfd_create", "sched_getaffinity", "sysconf", "getloadavg", "chown", "register_at_fork",
)  # fmt: skip
SIGNAL_NAMES = ("SIGHUP", "SIGKILL", "SIGUSR1", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGXFSZ", "alarm")


def names() -> list[str]:
    packages = pkgutil.walk_packages(amt.__path__, "amt.")
    return [*(package.name for package in packages), "train", "evaluate"]


def test_all_modules_can_be_imported_without_posix(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = names()
    # Other libraries stay loaded: only what amt and the scripts import themselves is tested.
    for name in ours:
        importlib.import_module(name)
    loaded = sys.modules["amt.device"]
    for name in [name for name in sys.modules if name.partition(".")[0] in ("amt", *ours)]:
        monkeypatch.delitem(sys.modules, name)
    for name in MODULES:
        monkeypatch.setitem(sys.modules, name, None)
    for module, missing in ((os, OS_NAMES), (signal, SIGNAL_NAMES)):
        for name in missing:
            monkeypatch.delattr(module, name, raising=False)
    for name in ours:
        importlib.import_module(name)
    assert sys.modules["amt.device"] is not loaded
