"""Self-supervised image encoders: published families, small ones of our own, and the door."""
