"""Other people's errors in a line of ours; torch's run over pages."""

from __future__ import annotations


def one_line(error: Exception, most: int = 160) -> str:
    """The beginning of an error in one line, or its kind where it says nothing."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else text[: most - 3] + "..."
