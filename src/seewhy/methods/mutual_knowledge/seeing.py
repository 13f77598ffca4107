"""The image side: what stands out, what its parts are, and which texts go with them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Embeddings, Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.assignment import Assigning, assigned_texts
from seewhy.methods.mutual_knowledge.components import Decomposition
from seewhy.methods.mutual_knowledge.drawing import drawn
from seewhy.methods.mutual_knowledge.foreground import (
    Fit,
    Foreground,
    foreground,
    foreground_scores,
)
from seewhy.methods.mutual_knowledge.knowledge import Asked, SeenImage
from seewhy.methods.mutual_knowledge.objects import alone, blanks, outstanding, region_labels
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
from seewhy.methods.mutual_knowledge.visual_prompts import (
    Pictures,
    embedded_parts,
    encoded_pictures,
    pictures,
)
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.preprocessing import Preprocessing

Finding = Decomposition | Literal["contrast"]
Naming = Literal["pointing", "alone"]


@dataclass(frozen=True)
class Seeing:
    """How an image is taken apart and its parts are named.

    `finding` says how the foreground is found: by a component of the tokens ("svd", "pca", at
    most two regions), or by "contrast" to the median token, however many regions there are.
    `part_method` cuts it into at most `parts` parts: clusters of tokens, or connected "regions".
    A part is named by pictures that point at it ("pointing", with its `shape`), or "alone", on
    the colour of the background.

    With "published" foreground and parts of a batch are found together, pixels are cut to whole
    levels instead of rounded, and what the published code breaks down on is refused or left as
    it is; "mended" takes each image by itself.
    """

    facet: Facet = "last_layer"
    finding: Finding = "svd"
    refinement: Refinement = "meanfield"
    part_method: PartMethod | Literal["regions"] = "kmeans"
    parts: int = 5
    naming: Naming = "pointing"
    shape: ShapeKind = "ellipse"
    assigning: Assigning = field(default_factory=Assigning)
    protocol: Protocol = "mended"
    seed: int = 0

    def __post_init__(self) -> None:
        ours = {"contrast", "regions", "alone", "added"} & {
            self.finding,
            self.part_method,
            self.naming,
            self.assigning.ranking,
        }
        if ours and self.protocol == "published":
            raise UsageError(
                f"{', '.join(sorted(ours))} is not in the published procedure. Leave it out, or "
                "take protocol='mended'."
            )
        if self.assigning.ranking == "added" and self.naming != "alone":
            raise UsageError("ranking 'added' compares parts shown alone: take naming='alone'.")

    @classmethod
    def objects(cls, *, parts: int = 5, seed: int = 0) -> "Seeing":
        """Whole objects, shown alone, with the texts that each adds to an empty picture.

        For encoders that know objects on plain grounds and have never seen a red line around
        one, such as the embedded ones.
        """
        return cls(
            finding="contrast",
            part_method="regions",
            parts=parts,
            naming="alone",
            assigning=Assigning(ranking="added"),
            seed=seed,
        )

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
    patch: int


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
    images = functional.normalize(tokens.embeddings.cpu(), dim=-1)
    parts, blank = _embedded(partial(_encoded, asked.encoder), shown, cut, preprocessing, how)
    named = assigned_texts(
        parts,
        images,
        owners=torch.from_numpy(bounded.owners),
        bank=asked.rows,
        how=how.assigning,
        blanks=blank,
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


def _embedded(  # noqa: PLR0917
    encode: Callable[[Pixels], Embeddings],
    shown: Pictures,
    cut: _Cut,
    preprocessing: Preprocessing,
    how: Seeing,
) -> tuple[Float[Tensor, "parts embed"], Float[Tensor, "images embed"] | None]:
    """Embeddings of the parts, and of the images without them where these are needed."""
    if how.naming == "pointing":
        return embedded_parts(encode, shown, drawn(cut.bounded), how=preprocessing), None
    blank = encoded_pictures(encode, blanks(shown, cut.labels), how=preprocessing)
    places = np.array([(part.image, part.label) for part in cut.bounded.parts]).reshape(-1, 2)
    pictured = alone(shown, cut.labels, places, margin=max(cut.patch // 4, 1))
    if not len(pictured):
        return blank[:0], blank
    return encoded_pictures(encode, pictured, how=preprocessing), blank


def _encoded(encoder: OpenClipEncoder, pixels: Pixels) -> Embeddings:
    """Embeddings of unit length, also of a size that the encoder itself refuses."""
    own = encoder.preprocessing
    size = own.size if isinstance(own, Preprocessing) else pixels.shape[2:]
    if tuple(pixels.shape[2:]) == (tuple(size) if not isinstance(size, int) else (size, size)):
        return encoder.encode_images(pixels)
    return functional.normalize(patch_tokens(encoder, pixels).embeddings.cpu(), dim=-1)


def _taken_apart(shown: Tensor, tokens: PatchTokens, how: Seeing) -> _Cut:
    patches = tokens.patches.cpu()
    patch = max(shown.shape[1] // patches.shape[1], 1)
    front = _front(patches, how)
    mask, is_lost = _refined(front, shown, how)
    if how.part_method == "regions":
        labels = region_labels(mask.numpy(), smallest=patch**2, most=how.parts)
    else:
        grids = part_grids(
            patches, front.mask, by=how.part_method, parts=how.parts, fit=how.fit, seed=how.seed
        )
        labels = part_pixels(grids, mask).numpy()
    bounding = Bounding(patch=patch, kind=how.shape, protocol=how.protocol)
    is_fallback = (front.is_fallback | is_lost).tolist()
    return _Cut(labels, bounded_parts(labels, bounding), tuple(is_fallback), patch)


def _front(patches: Float[Tensor, "batch rows cols dim"], how: Seeing) -> Foreground:
    if how.finding == "contrast":
        return outstanding(patches)
    return foreground(foreground_scores(patches, by=how.finding, fit=how.fit))


def _refined(
    front: Foreground, shown: Tensor, how: Seeing
) -> tuple[Bool[Tensor, "batch height width"], Bool[Tensor, " batch"]]:
    """Masks of pixels; what refinement leaves nothing of stays as it was, unless as published."""
    height, width = shown.shape[1:3]
    rough = upsampled(front.mask, (height, width))
    mask = refined(rough, shown, by=how.refinement)
    is_lost = ~mask.flatten(1).any(dim=1) & rough.flatten(1).any(dim=1)
    if how.protocol == "published":
        return mask, torch.zeros_like(is_lost)
    return torch.where(is_lost[:, None, None], rough, mask), is_lost
