"""Scores of whole pieces by mir_eval, threshold tuning, score tables and piano-roll plots."""
