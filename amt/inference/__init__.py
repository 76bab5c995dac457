"""Recordings to notes: whole files of any length, many files, export to other runtimes."""
