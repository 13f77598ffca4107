"""Training of models that answer a question about an image and give the reason."""
