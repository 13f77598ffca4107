"""What comes out: parts, explanations, their storage and drawings."""
