"""One forward pass of a network of either kind, for what its sites see."""

import torch

from seewhy.base.axes import Pixels
from seewhy.models.protocols import ClassifierLike, DualEncoder

Network = ClassifierLike | DualEncoder


def forward(model: Network, pixels: Pixels) -> None:
    """Run a classifier, or the image side of a dual encoder; the answer is dropped."""
    # Convolutions are faster with channels last, and their maps then lie as stacks of them want.
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    _ = model.logits(pixels) if isinstance(model, ClassifierLike) else model.encode_images(pixels)
