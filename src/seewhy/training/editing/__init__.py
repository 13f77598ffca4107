"""Training of caption editors: by the next word, by closeness to the truth, and by reward."""
