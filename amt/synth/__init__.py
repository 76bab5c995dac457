"""Synthesis for training and for listening: invented playing, a built-in piano, sampled pianos."""
