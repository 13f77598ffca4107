"""The image side: what stands out, what its parts are, and which texts go with them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Embeddings, Pixels
from seewhy.methods.mutual_knowledge.assignment import Assigning, assigned_texts
from seewhy.methods.mutual_knowledge.components import Decomposition
from seewhy.methods.mutual_knowledge.drawing import drawn
from seewhy.methods.mutual_knowledge.foreground import Fit, foreground, foreground_scores
from seewhy.methods.mutual_knowledge.knowledge import Asked, SeenImage
from seewhy.methods.mutual_knowledge.parts import PartMethod, part_grids, part_pixels
from seewhy.methods.mutual_knowledge.protocols import Protocol
from seewhy.methods.mutual_knowledge.refinement import Refinement, refined
from seewhy.methods.mutual_knowledge.regions import upsampled
from seewhy.methods.mutual_knowledge.shapes import (
    BoundedParts,
    Bounding,
    ShapeKind,
    bounded_parts,
)
from seewhy.methods.mutual_knowledge.tokens import Facet, PatchTokens, patch_tokens
from seewhy.methods.mutual_knowledge.visual_prompts import embedded_parts, pictures
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.preprocessing import Preprocessing


@dataclass(frozen=True)
class Seeing:
    """How an image is taken apart and its parts are named.

    With "published" foreground and parts of a batch are found together, pixels are cut to whole
    levels instead of rounded, and what the published code breaks down on is refused or left as
    it is; "mended" takes each image by itself.
    """

    facet: Facet = "last_layer"
    decomposition: Decomposition = "svd"
    refinement: Refinement = "meanfield"
    part_method: PartMethod = "kmeans"
    parts: int = 5
    shape: ShapeKind = "ellipse"
    assigning: Assigning = field(default_factory=Assigning)
    protocol: Protocol = "mended"
    seed: int = 0

    @property
    def fit(self) -> Fit:
        """Whether images of a batch are taken apart together."""
        return "joint" if self.protocol == "published" else "image"


@dataclass(frozen=True, eq=False)
class _Cut:
    """Images taken apart: parts of pixels, shapes around them, and where nothing stood out."""

    labels: Int[np.ndarray, "batch height width"]
    bounded: BoundedParts
    is_fallback: tuple[bool, ...]


def seen_images(
    pixels: Pixels,
    tokens: PatchTokens,
    *,
    preprocessing: Preprocessing,
    asked: Asked,
    how: Seeing,
) -> Iterator[SeenImage]:
    """What is seen in each image of a batch.

    `tokens` are those of the pixels; pictures that point at parts are encoded here.
    """
    shown = pictures(pixels.cpu(), preprocessing, protocol=how.protocol)
    cut = _taken_apart(shown.permute(0, 2, 3, 1), tokens, how)
    bounded = cut.bounded
    owners = torch.from_numpy(bounded.owners)
    images = functional.normalize(tokens.embeddings.cpu(), dim=-1)
    named = assigned_texts(
        embedded_parts(partial(_encoded, asked.encoder), shown, drawn(bounded), how=preprocessing),
        images,
        owners=owners,
        bank=asked.rows,
        how=how.assigning,
    )
    similarities = (images @ asked.class_embeddings.T).numpy()
    for number, found in enumerate(named):
        yield SeenImage(
            labels=cut.labels[number],
            parts=tuple(part for part in bounded.parts if part.image == number),
            ignored=sum(part.image == number for part in bounded.ignored),
            is_fallback=cut.is_fallback[number],
            texts=found,
            similarities=similarities[number],
        )


def _encoded(encoder: OpenClipEncoder, pixels: Pixels) -> Embeddings:
    """Embeddings of unit length, also of a size that the encoder itself refuses."""
    own = encoder.preprocessing
    size = own.size if isinstance(own, Preprocessing) else pixels.shape[2:]
    if tuple(pixels.shape[2:]) == (tuple(size) if not isinstance(size, int) else (size, size)):
        return encoder.encode_images(pixels)
    return functional.normalize(patch_tokens(encoder, pixels).embeddings.cpu(), dim=-1)


def _taken_apart(shown: Tensor, tokens: PatchTokens, how: Seeing) -> _Cut:
    height, width = shown.shape[1:3]
    patches = tokens.patches.cpu()
    front = foreground(foreground_scores(patches, by=how.decomposition, fit=how.fit))
    grids = part_grids(
        patches, front.mask, by=how.part_method, parts=how.parts, fit=how.fit, seed=how.seed
    )
    mask = refined(upsampled(front.mask, (height, width)), shown, by=how.refinement)
    labels = part_pixels(grids, mask).numpy()
    bounding = Bounding(
        patch=max(height // patches.shape[1], 1), kind=how.shape, protocol=how.protocol
    )
    return _Cut(labels, bounded_parts(labels, bounding), tuple(front.is_fallback.tolist()))
