"""Models that answer a question about an image and give the reason in the same sentence."""
