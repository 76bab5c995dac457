"""Listening without a network: what signal processing alone says of a recording."""
