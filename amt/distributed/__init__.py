"""Transcribe and prepare archives on several machines, with Ray (extra `ray`)."""
