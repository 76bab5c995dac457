"""Data sources: each lists its pieces, with their audio, notes and split."""
