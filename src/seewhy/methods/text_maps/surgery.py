"""CLIP Surgery: where in an image a dual encoder sees what a text says."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.forward import tower_input
from seewhy.methods.text_maps.method import Asked, TextMapMethod
from seewhy.methods.text_maps.reading import Removal, TextMaps, text_maps
from seewhy.methods.text_maps.tokens import (
    ImageTokens,
    Surgery,
    check_depth,
    raw_tokens,
    surgery_tokens,
)
from seewhy.models.guard import inference
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.towers import Tower
from seewhy.passes.prompts import averaged
from seewhy.results.parts import Unit

MASKCLIP = Surgery(depth=1, attention="identity")
"""Patches as the last block would leave them if each token looked at itself alone, and no MLP."""


SMOOTHING = 3.0
"""A sharpness that suits encoders of drawn scenes; none was measured on photographs."""


@dataclass(frozen=True)
class ClipSurgery(TextMapMethod):
    """One map per text, from the similarity of the text and rerouted patch tokens.

    Without `surgery` the model's own tokens are used: the raw maps, which tend to light up the
    background. `removal` says what is taken from the similarities. "redundant": those of the
    `redundant` texts (the empty text, averaged if there are several), so that a map does not
    depend on what else is asked. "common": the mean over all texts, the others included;
    "weighted-common": the same after weighing texts by how well they fit the whole image, as
    published for sets of labels. Maps are signed differences of cosines. With `smoothing`, which
    is ours, patches of like tokens share their values (see `smoothed`): spots within an object
    are filled and stray ones fade, and 3 is a good sharpness.

    Source: Li et al., A Closer Look at the Explainability of Contrastive Language-Image
    Pre-training, Pattern Recognition 162 (2025), arXiv 2304.05653. `MASKCLIP` is that of Zhou et
    al., Extract Free Dense Labels from CLIP, ECCV 2022.
    """

    unit: ClassVar[Unit] = "similarity"

    surgery: Surgery | None = field(default_factory=Surgery)
    removal: Removal = "redundant"
    redundant: tuple[str, ...] = ("",)
    smoothing: float | None = None

    def __post_init__(self) -> None:
        if self.smoothing is not None and not 0 <= self.smoothing < math.inf:
            raise UsageError(
                f"smoothing is {self.smoothing}; wanted a sharpness from 0 (the mean of all "
                "patches) up, such as 3, or None."
            )

    @property
    def name(self) -> str:
        """Its name in the catalogue; settings between the named ones are surgery, too."""
        if self.smoothing is not None:
            return "smoothed-surgery"
        named = {None: "raw", MASKCLIP: "maskclip"} if self.removal == "nothing" else {}
        return named.get(self.surgery, "clip-surgery")

    def tower(self, encoder: OpenClipEncoder) -> Tower:
        """Refuse a depth that the tower does not have."""
        tower = super().tower(encoder)
        if self.surgery is not None:
            check_depth(tower, self.surgery.depth)
        return tower

    def check(
        self, encoder: OpenClipEncoder, texts: Sequence[str], *, others: Sequence[str]
    ) -> None:
        """Refuse a removal that leaves nothing, and redundant texts that are missing, too."""
        super().check(encoder, texts, others=others)
        if self.removal in ("common", "weighted-common") and len((*texts, *others)) == 1:
            raise UsageError(
                f"removal={self.removal!r} takes away what all texts have in common, which is all "
                f"there is of one text ({texts[0]!r}). Ask with others=..., or use "
                "removal='redundant'."
            )
        if not self.redundant:
            raise UsageError("`redundant` is empty. Name at least one text, such as ('',).")

    def maps(self, encoder: OpenClipEncoder, pixels: Pixels, asked: Asked) -> TextMaps:
        """Read off one forward pass."""
        tower = self.tower(encoder)
        redundant = averaged(asked.prompts.embeddings(self.redundant)[None])
        with inference(encoder.module):
            pixels = tower_input(tower, pixels)
            tokens = self._tokens(tower, pixels)
            found = text_maps(
                ImageTokens(tokens.embeddings.float(), tokens.patches.float()),
                asked.embeddings.to(pixels.device),
                redundant=redundant.to(pixels.device),
                removal=self.removal,
                smoothing=self.smoothing,
            )
            count = len(asked.names)
            return TextMaps(found.maps[:, :count].cpu(), found.whole[:, :count].cpu())

    def _tokens(self, tower: Tower, pixels: Pixels) -> ImageTokens:
        if self.surgery is None:
            return raw_tokens(tower, pixels)
        return surgery_tokens(tower, pixels, self.surgery)


@dataclass(frozen=True)
class ReverseMaps(TextMapMethod):
    """The model's own maps the other way round: raw ones are brighter beside an object than on it.

    With scaling "min-max", 1 minus the raw map.
    """

    name: ClassVar[str] = "reverse"
    unit: ClassVar[Unit] = "similarity"

    def maps(self, encoder: OpenClipEncoder, pixels: Pixels, asked: Asked) -> TextMaps:
        """Minus the raw maps."""
        raw = ClipSurgery(surgery=None, removal="nothing").maps(encoder, pixels, asked)
        return TextMaps(-raw.maps, raw.whole)
