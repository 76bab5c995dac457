"""Recordings to notes: recordings of any length, many files, export to other runtimes."""
