"""The server: recordings in by HTTP, notes out; as a Vertex AI container or on its own."""
