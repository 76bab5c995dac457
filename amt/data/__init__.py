"""Data sets: sources, the cache, training segments, targets.

A source (`sources/`: synthetic, maestro, maps, folder) lists pieces. `cache.prepare` decodes them
once into a folder of 16 kHz audio and notes. `dataset.Segments` draws random segments from such
folders, for which `targets` makes piano rolls. `datamodule` makes batches of them for Lightning.
"""
