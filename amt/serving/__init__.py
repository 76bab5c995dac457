"""The HTTP server: audio files in, notes out. Runs on its own or as a Vertex AI container."""
