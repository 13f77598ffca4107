"""Where the regions of an image come from, as the file beside an editor's weights says it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import weights_hash
from seewhy.models.editing.features import PLACE_NUMBERS, ImageFeatures, grid_boxes, with_places
from seewhy.models.editing.grids import as_maps, pooled_cells
from seewhy.models.editing.regions import Box, checked_box, cut_out
from seewhy.models.guard import device_of, inference, untouched
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.load import checked_device
from seewhy.models.load_images import load_image_encoder
from seewhy.models.narration.encoder_towers import EncoderTower
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.ssl.families import Compared

_FROZEN = ConfigDict(frozen=True, extra="forbid")
_BATCH = 64
_WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


class GridSourceConfig(BaseModel):
    """The tokens of an image tower, on its own grid or pooled to `rows` and `cols`.

    `encoder` is a name that `load_image_encoder` knows. Images are squashed to its size, or to
    squares of `side` pixels. `has_mean` adds the mean of all cells as a last region, `has_places`
    six numbers to each. `is_normalised` False leaves out the encoder's mean and deviation, as the
    published preparation of Look and Modify does. `width` (with the six numbers) and `weights`
    (their digest) tell the encoder from another one of the name; a loaded source has both.
    """

    model_config = _FROZEN

    kind: Literal["grid"] = "grid"
    encoder: str
    rows: int | None = Field(None, ge=1)
    cols: int | None = Field(None, ge=1)
    side: int | None = Field(None, ge=1)
    has_mean: bool = False
    has_places: bool = False
    is_normalised: bool = True
    width: int | None = Field(None, ge=1)
    weights: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> "GridSourceConfig":
        if (self.rows is None) != (self.cols is None):
            raise ValueError(f"rows are {self.rows} and cols {self.cols}: give both or neither")
        return self


class BoxSourceConfig(BaseModel):
    """Boxes cut out of the image, each embedded by an encoder.

    `compared` says what is taken of the encoder, as `load_image_encoder` does, and `margin` how
    much is seen around a box at each edge, in its longer sides.
    """

    model_config = _FROZEN

    kind: Literal["boxes"] = "boxes"
    encoder: str
    compared: Compared = "features"
    margin: float = Field(0.25, ge=0, le=10)
    has_places: bool = False
    width: int | None = Field(None, ge=1)
    weights: str | None = None


class FileSourceConfig(BaseModel):
    """No encoder: features of this width come from a file."""

    model_config = _FROZEN

    kind: Literal["file"] = "file"
    width: int = Field(ge=1)


AnySourceConfig = GridSourceConfig | BoxSourceConfig | FileSourceConfig
SourceConfig = Annotated[AnySourceConfig, Field(discriminator="kind")]
DescribedConfig = TypeVar("DescribedConfig", GridSourceConfig, BoxSourceConfig)


@runtime_checkable
class FeatureSource(Protocol):
    """From images to the features that an editor reads; `width` is the number of channels."""

    width: int

    def features(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[Box]] | None = None
    ) -> list[ImageFeatures]:
        """Features of each image; `boxes` are those of each, as fractions of its sides."""
        ...

    def to(self, device: torch.device | str) -> None:
        """Look at images on this device; features are on the CPU all the same."""
        ...


class GridSource:
    """The cells of image tokens; `config` is the given one with width and digest.

    Raises `UsageError` for an encoder other than the configuration tells, or without places.
    """

    def __init__(self, config: GridSourceConfig, encoder: ImageEncoder) -> None:
        with untouched(encoder.module):
            self._tower = EncoderTower(encoder, is_frozen=False)
        self.width = self._tower.width + PLACE_NUMBERS * config.has_places
        self.config = _described(config, encoder, self.width)
        self.preprocessing = _squashing(
            encoder, side=config.side, is_normalised=config.is_normalised
        )

    def features(
        self,
        images: Sequence[Image.Image],
        boxes: Sequence[Sequence[Box]] | None = None,  # noqa: ARG002
    ) -> list[ImageFeatures]:
        """A region for each cell, row by row; boxes are not asked for."""
        found: list[Tensor] = []
        grid = (1, 1)
        module = self._tower.module
        with inference(module):
            for start in range(0, len(images), _BATCH):
                pixels = [self.preprocessing(image) for image in images[start : start + _BATCH]]
                cells, grid = self._cells(torch.stack(pixels).to(device_of(module)))
                found.append(cells.cpu())
        places = grid_boxes(*grid, has_whole=self.config.has_mean)
        # Copies, as tensors made in inference mode cannot be trained on.
        each = [ImageFeatures(one.clone(), places, grid) for batch in found for one in batch]
        return [with_places(one) for one in each] if self.config.has_places else each

    def to(self, device: torch.device | str) -> None:
        """Move the encoder."""
        self._tower.module.to(device)

    def _cells(
        self, pixels: Pixels
    ) -> tuple[Float[Tensor, "batch cells channels"], tuple[int, int]]:
        config = self.config
        own = self._tower.grid(*pixels.shape[2:])
        grid = own if config.rows is None or config.cols is None else (config.rows, config.cols)
        maps = as_maps(self._tower(pixels), own)
        return pooled_cells(maps, grid, has_mean=config.has_mean), grid


class BoxSource:
    """Boxes cut out and embedded one by one; an image without a box is one region as a whole.

    `config` is the given one with width and digest. Raises `UsageError` for an encoder other than
    it tells.
    """

    def __init__(self, config: BoxSourceConfig, encoder: ImageEncoder) -> None:
        self._encoder = encoder
        self.preprocessing = _squashing(encoder)
        probe = self.preprocessing(Image.new("RGB", (64, 64)))
        with inference(encoder.module):
            channels = encoder.embed(probe[None]).shape[1]
        self.width = channels + PLACE_NUMBERS * config.has_places
        self.config = _described(config, encoder, self.width)

    def features(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[Box]] | None = None
    ) -> list[ImageFeatures]:
        """A region for each box, in their order; `UsageError` where boxes are not given."""
        if boxes is None or len(boxes) != len(images):
            given = "none" if boxes is None else f"those of {len(boxes)}"
            raise UsageError(
                f"this editor looks at boxes, and of {len(images)} images {given} were given. Give "
                "the boxes of each image, or take an editor that looks at a grid."
            )
        checked = [[checked_box(box) for box in each] or [_WHOLE] for each in boxes]
        counts = [len(each) for each in checked]
        regions = torch.split(self._embedded(images, checked), counts) if counts else ()
        found = [
            ImageFeatures(each, torch.tensor(places))
            for each, places in zip(regions, checked, strict=True)
        ]
        return [with_places(each) for each in found] if self.config.has_places else found

    def to(self, device: torch.device | str) -> None:
        """Move the encoder."""
        self._encoder.module.to(device)

    def _embedded(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[Box]]
    ) -> Float[Tensor, "regions channels"]:
        pairs = [(image, box) for image, each in zip(images, boxes, strict=True) for box in each]
        if not pairs:
            return torch.zeros(0, self.width)
        found: list[Tensor] = []
        with inference(self._encoder.module):
            for start in range(0, len(pairs), _BATCH):
                crops = [
                    self.preprocessing(cut_out(image, box, margin=self.config.margin))
                    for image, box in pairs[start : start + _BATCH]
                ]
                found.append(self._encoder.embed(torch.stack(crops)).cpu())
        # Joined outside, as tensors made in inference mode cannot be trained on.
        return torch.cat(found)


class FileSource:
    """In the place of an encoder: features come from a file."""

    def __init__(self, config: FileSourceConfig) -> None:
        self.width = config.width
        self.config = config

    def features(
        self,
        images: Sequence[Image.Image],
        boxes: Sequence[Sequence[Box]] | None = None,  # noqa: ARG002
    ) -> list[ImageFeatures]:
        """Raises `UsageError`."""
        raise UsageError(
            f"this editor reads features from a file, but {len(images)} images came. Give it "
            f"features of {self.width} channels, made as those that it was trained with."
        )

    def to(self, device: torch.device | str) -> None:
        """Nothing: there is no encoder."""


def load_source(config: AnySourceConfig, *, device: str = "cpu") -> FeatureSource:
    """The source of a configuration; `UsageError` where its encoder is not the one told."""
    if isinstance(config, FileSourceConfig):
        return FileSource(config)
    # Built on the CPU, where the encoder is tried out, then moved.
    place = checked_device(device)
    source: GridSource | BoxSource
    if isinstance(config, GridSourceConfig):
        source = GridSource(config, load_image_encoder(config.encoder))
    else:
        source = BoxSource(config, load_image_encoder(config.encoder, compared=config.compared))
    source.to(place)
    return source


def _described(config: DescribedConfig, encoder: ImageEncoder, width: int) -> DescribedConfig:
    """The configuration with what tells its encoder from another; `UsageError` if it is one."""
    if config.width not in (None, width):
        raise UsageError(
            f"regions by {config.encoder} have {width} channels, not {config.width}: it is "
            "another encoder than the editor was trained with."
        )
    digest = weights_hash(encoder.module)
    if config.weights not in (None, digest):
        raise UsageError(
            f"the weights of {config.encoder} are not those that the editor was trained with. "
            f"Find those whose digest begins with {str(config.weights)[:12]}."
        )
    return config.model_copy(update={"width": width, "weights": digest})


def _squashing(
    encoder: ImageEncoder, *, side: int | None = None, is_normalised: bool = True
) -> Preprocessing:
    """An encoder's size and statistics for whole images, whose proportions are not kept."""
    found = encoder.preprocessing
    if not isinstance(found, Preprocessing):
        raise UsageError(
            f"the preprocessing of {encoder.name} is unknown. Take an encoder with `Preprocessing`."
        )
    changed = replace(found, size=side or found.size, resize="squash", resize_to=None)
    return changed if is_normalised else replace(changed, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
