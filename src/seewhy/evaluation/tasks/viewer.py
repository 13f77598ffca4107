"""An encoder with the methods that read it, and how it is shown images."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import DataError, UsageError
from seewhy.evaluation.tasks.windows import Tiles, one_tile, sliding_tiles
from seewhy.methods.text_maps.method import Asked, TextMapMethod
from seewhy.methods.text_maps.reading import TextMaps
from seewhy.models.framing import Framing
from seewhy.models.guard import inference
from seewhy.models.identity import model_digest
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.shown import Shown
from seewhy.models.towers import image_tower
from seewhy.passes.prompts import PromptEnsemble


@dataclass(frozen=True, eq=False)
class Viewer:
    """Images are squashed whole into a square of `side` pixels."""

    encoder: OpenClipEncoder
    prompts: PromptEnsemble
    methods: Mapping[str, TextMapMethod]
    side: int

    def facts(self) -> dict[str, Any]:
        """All that decides its numbers."""
        return {
            "encoder": model_digest(self.encoder),
            "templates": self.prompts.templates,
            "methods": {name: asdict(method) for name, method in self.methods.items()},
            "side": self.side,
        }

    def ask(self, method: str, texts: Sequence[str]) -> Asked:
        """Texts as a method takes them; raises `UsageError` for what it cannot be asked."""
        return self.methods[method].ask(self.encoder, texts, prompts=self.prompts)

    def maps(self, method: str, pixels: Pixels, asked: Asked) -> TextMaps:
        """A method's maps; one that is not defined, for no gradient reaches it, is constant.

        Raises `DataError` for other numbers that are not finite.
        """
        with inference(self.encoder.module):
            found = self.methods[method].maps(self.encoder, pixels, asked)
        maps = found.maps
        if found.is_defined is not None:
            maps = torch.where(found.is_defined[:, :, None, None], maps, 0.0)
        if not (maps.isfinite().all() and found.whole.isfinite().all()):
            raise DataError("non_finite", f"{method} gives NaN or infinity.")
        return TextMaps(maps, found.whole)

    def tiles(self, image: Image.Image) -> Tiles:
        """The whole image as one input."""
        return one_tile(image, self._preprocess, patch=self._patch)

    def sliding_tiles(self, image: Image.Image) -> Tiles:
        """The image as inputs side by side."""
        return sliding_tiles(image, self._preprocess, side=self.side, patch=self._patch)

    def over_image(self, values: Tensor, size: tuple[int, int]) -> Tensor:
        """A map of patches over the pixels of an image of (width, height)."""
        shown = Shown(size, (self.side, self.side), self._preprocess)
        return shown.drawn(values, "image")

    @cached_property
    def _preprocess(self) -> Preprocessing:
        preprocess = Framing("whole", self.side).preprocessing(self.encoder)
        if not isinstance(preprocess, Preprocessing):
            raise UsageError(f"{self.encoder.name} has a preprocessing of its own.")
        return preprocess

    @cached_property
    def _patch(self) -> int:
        return patch_of(self.encoder)


def patch_of(encoder: OpenClipEncoder) -> int:
    """The side of an encoder's patches in pixels; raises `UsageError` where they are no squares."""
    high, wide = image_tower(encoder).patch
    if high != wide:
        raise UsageError(
            f"{encoder.name} has patches of {high} x {wide} pixels; squares are needed."
        )
    return high


def input_side(encoder: OpenClipEncoder, wanted: int | None, *, usual: int | None) -> int:
    """The side of the input: what is wanted, else the usual rounded down to whole patches.

    Without either, the encoder's own. Raises `UsageError` where patches would be cut.
    """
    patch = patch_of(encoder)
    own = getattr(encoder.preprocessing, "size", None)
    if wanted is None and usual is not None:
        return max(usual // patch, 1) * patch
    side = wanted or own
    if not isinstance(side, int) or side % patch or side < patch:
        raise UsageError(
            f"{encoder.name} works on patches of {patch} pixels; a side of {side} is no whole "
            f"number of them. Give a size such as {8 * patch}."
        )
    return side


def stacked(tiles: Sequence[Tiles]) -> Pixels:
    """All inputs of several images."""
    return torch.cat([each.pixels for each in tiles])
