"""Automatic piano transcription: audio in, notes out."""

__version__ = "0.1.0"
