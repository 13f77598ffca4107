"""Caption editors: what they read, how they write a word at a time, and what they give."""
