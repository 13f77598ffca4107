"""Scores of answers given with a reason in one sentence."""
