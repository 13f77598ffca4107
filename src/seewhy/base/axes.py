"""Names for the tensors that travel between parts; the tests check them at run time."""

from jaxtyping import Float
from torch import Tensor

Pixels = Float[Tensor, "batch 3 height width"]
"""Images after a model's own preprocessing."""

OnePixels = Float[Tensor, "3 height width"]
"""One image after a model's own preprocessing."""

Embeddings = Float[Tensor, "images embed"]
"""Unit-length vectors in the joint space of images and texts."""

TextEmbeddings = Float[Tensor, "texts embed"]
"""Unit-length vectors of texts in the joint space."""

Logits = Float[Tensor, "batch classes"]
"""Class scores before softmax."""

Maps = Float[Tensor, "batch channels rows cols"]
"""Activation maps: one value per unit and position."""
