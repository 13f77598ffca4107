"""Maps of where in an image a dual encoder sees what a text says."""
