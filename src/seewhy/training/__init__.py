"""Losses, the training loop, and the recipes of the models that ship."""
