"""Decoding: posteriors to notes, by peak picking or by a hidden Markov model per key."""
