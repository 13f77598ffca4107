"""Captions to be edited: what they are stored as, and drawn ones with every fault known."""
