"""Baselines without neural networks, fitted by scikit-learn: keys by frame, notes by slice."""
