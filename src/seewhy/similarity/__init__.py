"""The job of similarity: nearest neighbours, and why a pair of images is alike."""
