"""Answers to questions about a piece, from facts that its notes give."""
