"""Music analysis: descriptors of the audio, and key, beats, chords and motifs of the notes."""
