"""Monitoring: numbers of each recording, and whether they drift from a reference profile."""
