"""Answers with reasons about images, and what supports each of the reasons."""
