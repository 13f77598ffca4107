"""Which concepts the image side sees, which the text side expects, and how far they agree."""
