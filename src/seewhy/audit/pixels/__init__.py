"""Changes of pixels: one thing becomes another, and all else is kept."""
