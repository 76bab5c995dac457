"""Analysis of a note table: key, beats, metre, chords, motifs, sections, statistics."""
