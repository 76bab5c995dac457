"""Classical listening: what can be said of a piece and of its sound without a neural network."""
