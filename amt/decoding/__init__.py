"""Posteriors to notes: peak picking, and a hidden Markov model for each key."""
