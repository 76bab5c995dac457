"""Retraining: from corrections in the lake to a model that serves, or a reason why not."""
