"""Scores of generated text against reference texts, without Java."""
