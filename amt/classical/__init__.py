"""Listening without networks: descriptors, support vector machines, patterns."""
