"""Explanations and scores arranged on one self-contained HTML page."""
