"""A recording or a MIDI file described: what it sounds like, what is played, what returns in it."""
