"""Baselines without neural networks, fitted by scikit-learn."""
