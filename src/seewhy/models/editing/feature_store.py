"""Features that were extracted once, in a folder: parts of tensors and an index of pictures."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from seewhy.base.errors import DataError, UsageError
from seewhy.data.files import shown
from seewhy.models.checkpoints import write_weights
from seewhy.models.editing.features import ImageFeatures
from seewhy.models.editing.sources import SourceConfig
from seewhy.results.files import output_folder, output_path, write_text

INDEX = "features.json"
Precision = Literal["float32", "float16"]

_PART = 200_000  # regions: a part of 2048 channels then has at most 1.6 GB
_DTYPES: dict[Precision, torch.dtype] = {"float32": torch.float32, "float16": torch.float16}


class StoredImage(BaseModel):
    """Where the regions of a picture are: a part, the first row in it, and how many."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: int = Field(ge=0)
    start: int = Field(ge=0)
    count: int = Field(ge=1)


class StoreIndex(BaseModel):
    """What a store holds; `source` tells how its features were made, None where nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["seewhy.features/1"] = "seewhy.features/1"
    width: int = Field(ge=1)
    grid: tuple[int, int] | None = None
    has_boxes: bool
    source: SourceConfig | None = None
    images: dict[str, StoredImage]


def write_store(
    folder: Path,
    pictures: Iterable[tuple[str, ImageFeatures]],
    *,
    source: SourceConfig | None = None,
    precision: Precision = "float32",
    part_regions: int = _PART,
) -> StoreIndex:
    """Write features by the ids of their pictures, part by part, and the index at the end.

    All pictures have as many channels, the same grid or none, and boxes or none, else
    `UsageError`; also for an id that comes twice, no picture, and a folder that is a store already.
    """
    folder = output_folder(folder)
    if (folder / INDEX).exists():
        raise UsageError(f"{shown(folder)} holds features already. Name another folder.")
    writer = _Writer(folder, _DTYPES[precision], part_regions)
    for name, features in pictures:
        writer.add(name, features)
    writer.flush()
    if writer.first is None:
        raise UsageError("no features came, so there is nothing to store. Give a picture or more.")
    index = StoreIndex(
        width=writer.first.regions.shape[1],
        grid=writer.first.grid,
        has_boxes=writer.first.boxes is not None,
        source=source,
        images=writer.images,
    )
    write_text(output_path(folder, INDEX), index.model_dump_json() + "\n")
    return index


class FeatureStore:
    """A folder that `write_store` wrote; features are read when asked for.

    Raises `UsageError` for another folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: dict[int, Any] = {}
        try:
            self.index = StoreIndex.model_validate_json((folder / INDEX).read_bytes())
        except OSError as error:
            raise UsageError(
                f"{shown(folder)} holds no stored features ({error.strerror or error}). Give the "
                f"folder with {INDEX} in it."
            ) from error
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            place = ".".join(map(str, fault["loc"])) or "all of it"
            raise UsageError(
                f"{shown(folder / INDEX)} is no index of features: {place}: {fault['msg']}. "
                "Extract the features again."
            ) from error
        self.width = self.index.width

    @property
    def ids(self) -> Sequence[str]:
        """The pictures in the order in which they were written."""
        return tuple(self.index.images)

    def __len__(self) -> int:
        return len(self.index.images)

    def features(self, image_id: str) -> ImageFeatures:
        """The features of a picture in float32; `DataError` where there are none, or damaged."""
        place = self.index.images.get(image_id)
        if place is None:
            raise DataError("missing", f"{shown(self._folder)} has no picture {image_id!r}.")
        regions = self._rows("regions", place)
        if regions.ndim != 2 or regions.shape != (place.count, self.width):
            raise DataError(
                "bad_entry",
                f"picture {image_id!r} of {shown(self._folder)} has features of shape "
                f"{tuple(regions.shape)}, not {(place.count, self.width)}. Extract them again.",
            )
        boxes = self._rows("boxes", place) if self.index.has_boxes else None
        try:
            return ImageFeatures(regions, boxes, self.index.grid)
        except UsageError as error:
            raise DataError("bad_entry", f"picture {image_id!r}: {error}") from error

    def _rows(self, name: str, place: StoredImage) -> Tensor:
        from safetensors import SafetensorError

        try:
            rows: Tensor = self._part(place.part).get_slice(name)[
                place.start : place.start + place.count
            ]
        except (OSError, SafetensorError) as error:
            path = self._folder / _part_name(place.part)
            raise DataError(
                "bad_entry", f"{shown(path)} cannot be read: {error}. Extract the features again."
            ) from error
        return rows.float()

    def _part(self, number: int) -> Any:
        from safetensors import safe_open

        if number not in self._parts:
            self._parts[number] = safe_open(self._folder / _part_name(number), framework="pt")
        return self._parts[number]


class _Writer:
    """Gathers pictures until a part is full."""

    def __init__(self, folder: Path, dtype: torch.dtype, part_regions: int) -> None:
        self._folder = folder
        self._dtype = dtype
        self._limit = part_regions
        self._held: list[ImageFeatures] = []
        self._regions = 0
        self._part = 0
        self.images: dict[str, StoredImage] = {}
        self.first: ImageFeatures | None = None

    def add(self, name: str, features: ImageFeatures) -> None:
        """Take a picture in."""
        self.first = first = self.first or features
        if name in self.images:
            raise UsageError(f"picture {name!r} comes twice; ids must be unique.")
        if _kind(features) != _kind(first):
            raise UsageError(
                f"picture {name!r} has {_kind(features)}, others have {_kind(first)} (channels, "
                "grid, boxes). Store features of one source at a time."
            )
        self.images[name] = StoredImage(
            part=self._part, start=self._regions, count=len(features.regions)
        )
        self._held.append(features)
        self._regions += len(features.regions)
        if self._regions >= self._limit:
            self.flush()

    def flush(self) -> None:
        """Write what is held as a part."""
        if self._held:
            write_weights(output_path(self._folder, _part_name(self._part)), dict(self._tensors()))
            self._part += 1
            self._held, self._regions = [], 0

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        yield "regions", torch.cat([each.regions for each in self._held]).to(self._dtype)
        boxes = [each.boxes for each in self._held if each.boxes is not None]
        if boxes:
            yield "boxes", torch.cat(boxes).float()


def _kind(features: ImageFeatures) -> tuple[int, tuple[int, int] | None, bool]:
    return features.regions.shape[1], features.grid, features.boxes is not None


def _part_name(number: int) -> str:
    return f"features-{number:05d}.safetensors"
