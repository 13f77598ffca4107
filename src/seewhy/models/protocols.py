"""What a model must offer to be explained."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8
from PIL import Image
from torch import Tensor, nn

from seewhy.base.axes import Embeddings, Logits, Pixels, TextEmbeddings
from seewhy.models.sites import Site


@runtime_checkable
class ImageModel(Protocol):
    """Anything that turns an image into a tensor by its own preprocessing."""

    name: str
    module: nn.Module

    def preprocess(self, image: Image.Image) -> Tensor:
        """One decoded RGB image to one float tensor (3, height, width)."""
        ...


@runtime_checkable
class ClassifierLike(ImageModel, Protocol):
    """An image classifier: class names and logits."""

    classes: tuple[str, ...]

    def logits(self, pixels: Pixels) -> Logits:
        """Class scores before softmax; no gradient is kept."""
        ...

    def sites(self) -> tuple[Site, ...]:
        """The sites whose maps can be grafted, in forward order."""
        ...


@runtime_checkable
class DualEncoder(ImageModel, Protocol):
    """An image encoder and a text encoder with one joint space (CLIP and its kin)."""

    def encode_images(self, pixels: Pixels) -> Embeddings:
        """Unit-length image embeddings; no gradient is kept."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> TextEmbeddings:
        """Unit-length text embeddings.

        Raises `UsageError` for empty texts and, naming them, for words outside the vocabulary.
        """
        ...

    def stages(self) -> tuple[Site, ...]:
        """The sites that can be replaced by another network's maps, in forward order."""
        ...


@runtime_checkable
class PointSegmenter(Protocol):
    """A network that cuts out what points lie on, such as Segment Anything's predictor."""

    def set_image(self, image: UInt8[np.ndarray, "height width 3"], /) -> None:
        """Look at an RGB image; what is predicted next is about it."""
        ...

    def predict(
        self,
        point_coords: Float[np.ndarray, "points 2"],
        point_labels: Int[np.ndarray, " points"],
        *,
        multimask_output: bool,
    ) -> tuple[
        Shaped[np.ndarray, "masks height width"],
        Float[np.ndarray, " masks"],
        Float[np.ndarray, "masks _ _"],
    ]:
        """Masks, how good the network takes each to be, and their logits.

        Points are pixels (x, y), with label 1 on the thing and 0 beside it.
        """
        ...
