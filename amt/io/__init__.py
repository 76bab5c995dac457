"""Files in and out: audio, MIDI, note tables, impulse responses; written whole or not at all."""
