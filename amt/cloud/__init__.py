"""Out of the lab: objects of Google Cloud Storage, and models on Vertex AI."""
