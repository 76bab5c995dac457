"""Music analysis of audio (descriptors, beats) and of notes (key, beats, chords, motifs)."""
