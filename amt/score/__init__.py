"""From performed notes and a metrical grid to a readable piano score."""
