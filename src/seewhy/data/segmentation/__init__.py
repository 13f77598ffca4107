"""Data sets with masks or labels per image, in the layouts that they are published in."""
