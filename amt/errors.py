"""Messages in one line: errors of libraries (those of torch can fill pages), warnings for users."""

from __future__ import annotations

import re
import warnings
from typing import Any

# What a file begins with that a download left in place of another one.
_STAND_INS = {
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself; type `git lfs pull`",
    b"<!doctype html": "a web page, not the file itself; download it again",
    b"<html": "a web page, not the file itself; download it again",
}


class FileWarning(UserWarning):
    """A file that is read although something about it is wrong or unusual: one line, with its name.

    `amt` prints it on stderr; in Python it is an ordinary warning.
    """


class DeviceWarning(UserWarning):
    """A device that is not used, or used more slowly, because it does not work or lacks memory."""


def one_line(error: Exception, most: int = 160) -> str:
    """The first `most` characters of an error's message on one line; without a message its type.

    Of an error in a worker process of torch's loader, without the traceback of that process.
    """
    message = str(error)
    if "\nOriginal Traceback" in message:
        after_frames = message.rpartition('\n  File "')[2]
        found = re.search(r"^\w[\w.]*: (.*)", after_frames, re.MULTILINE | re.DOTALL)
        message = found[1] if found else message
    text = " ".join(message.split()) or type(error).__name__
    return text if len(text) <= most else text[: most - 3] + "..."


def escaped(line: str) -> str:
    """The line with line breaks and other control characters escaped: file names may hold them."""
    return re.sub(r"[\x00-\x1f\x7f]", lambda sign: repr(sign[0])[1:-1], line)


def warn_in_one_line(program: str) -> None:
    """Print warnings of files and devices in one line; those for programmers stay as they are."""
    standard = warnings.formatwarning

    def formatted(message: Warning | str, category: type[Warning], *place: Any, **line: Any) -> str:
        if issubclass(category, FileWarning | DeviceWarning):
            return f"{program}: {' '.join(str(message).split())}\n"
        return standard(message, category, *place, **line)

    warnings.formatwarning = formatted


def stand_in(data: bytes) -> str:
    """What stands in place of a file that was not downloaded, by its first bytes; empty if none."""
    begin = data[:100].lstrip().lower()
    return next((text for mark, text in _STAND_INS.items() if begin.startswith(mark)), "")
