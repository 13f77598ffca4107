"""Reading and rewriting tensors inside a model, in `with` blocks."""
