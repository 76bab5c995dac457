"""What can be wrong with an audio file."""

from __future__ import annotations


class AudioError(ValueError):
    """An audio file that cannot be read or written; the message is one line that names it."""


class TooLongError(AudioError):
    """Audio longer than the given limit."""


class UnknownFormatError(AudioError):
    """A file that one of the decoders cannot open."""


class DamagedError(AudioError):
    """Some of a file cannot be decoded; decoders raise it after all that they could decode."""
