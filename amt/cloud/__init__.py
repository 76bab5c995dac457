"""Google Cloud: objects in Cloud Storage, and exported models on Vertex AI."""
