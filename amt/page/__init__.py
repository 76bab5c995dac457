"""`amt describe`: one self-contained HTML page for a recording or a MIDI file."""
