"""From recordings to training segments.

A source (`synthetic`, `maestro`, `maps`, `folder`) lists pieces; `cache.prepare` decodes them once
into a folder of 16 kHz audio and notes; `dataset.Segments` draws random segments from such folders.
"""
