"""Synthesis: random performances, a built-in piano, sampled pianos, recording conditions.

Written here since synthesisers such as FluidSynth or sfizz are programs to install that start notes
at whole samples at best; here onsets are exact, and everything random comes from a generator.
"""
