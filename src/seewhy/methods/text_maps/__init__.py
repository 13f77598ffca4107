"""Maps of what in an image a text is about, from a CLIP whose last attention is rerouted."""
