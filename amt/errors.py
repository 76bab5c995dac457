"""Shorten error messages of libraries to one line; those of torch can fill pages."""

from __future__ import annotations


def one_line(error: Exception, most: int = 160) -> str:
    """The first `most` characters of an error's message on one line; without a message its type."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else text[: most - 3] + "..."
