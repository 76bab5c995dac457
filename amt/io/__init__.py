"""Reading and writing files: audio, MIDI, note tables; every file is written atomically."""
