"""Features of images by their ids or the names of their files, whichever form they are kept in."""

import logging
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from seewhy.base.errors import InternalError, UsageError
from seewhy.data.editing.region_lists import RegionIndex, RegionRow, read_region_index
from seewhy.data.files import shown
from seewhy.data.records import Failure
from seewhy.models.editing.feature_files import AdaptiveRegions, FixedRegions, read_region_table
from seewhy.models.editing.feature_store import INDEX, FeatureStore, write_store
from seewhy.models.editing.features import ImageFeatures
from seewhy.results.files import file_sha256

_log = logging.getLogger(__name__)


@runtime_checkable
class FeatureLookup(Protocol):
    """Features of images that other files tell of; `width` is the number of channels."""

    @property
    def width(self) -> int:
        """Channels of a region."""
        ...

    def name(self, image_id: str, file_name: str | None) -> Hashable | None:
        """What the image is known by; None where it has no features."""
        ...

    def features(self, name: Hashable) -> ImageFeatures:
        """The regions of an image; `DataError` where they cannot be used."""
        ...


@dataclass(frozen=True, eq=False)
class StoredLookup:
    """Those of a store, by the name of a file or else by the id of an image."""

    store: FeatureStore

    @property
    def width(self) -> int:
        """Channels of a region."""
        return self.store.width

    def name(self, image_id: str, file_name: str | None) -> Hashable | None:
        """What the image is known by."""
        known = self.store.index.images
        return next((each for each in (file_name, image_id) if each in known), None)

    def features(self, name: Hashable) -> ImageFeatures:
        """The regions of an image."""
        return self.store.features(str(name))


@dataclass(frozen=True, eq=False)
class AdaptiveLookup:
    """Those of a folder of ID.npz."""

    folder: Path
    regions: AdaptiveRegions
    width: int

    @classmethod
    def of(cls, folder: Path) -> "AdaptiveLookup":
        """The width is that of the first file."""
        regions = AdaptiveRegions(folder)
        first = min(folder.glob("*.npz"), default=None)
        if first is None:
            raise UsageError(f"{shown(folder)} holds neither {INDEX} nor any ID.npz.")
        return cls(folder, regions, regions.features(first.stem).regions.shape[1])

    def name(self, image_id: str, file_name: str | None) -> Hashable | None:  # noqa: ARG002
        """What the image is known by."""
        is_name = Path(image_id).name == image_id
        return image_id if is_name and (self.folder / f"{image_id}.npz").is_file() else None

    def features(self, name: Hashable) -> ImageFeatures:
        """The regions of an image."""
        return self.regions.features(str(name))


@dataclass(frozen=True, eq=False)
class FixedLookup:
    """Those of COCO's training and validation images, in two HDF5 files."""

    files: Mapping[str, FixedRegions]
    index: RegionIndex
    width: int

    @classmethod
    def of(cls, paths: Sequence[Path], indices: Sequence[Path]) -> "FixedLookup":
        """`UsageError` unless there are two of each, of one width."""
        if len(paths) != 2 or len(indices) != 2:
            raise UsageError(
                f"{len(paths)} HDF5 files and {len(indices)} indices came. Give two of each: of "
                "COCO's training images, then of its validation images."
            )
        train, validation = (FixedRegions(path) for path in paths)
        if train.width != validation.width:
            raise UsageError(
                f"regions have {train.width} channels in one file and {validation.width} in the "
                "other. Give files of one extraction."
            )
        index = RegionIndex(*(read_region_index(path) for path in indices))
        return cls({"t": train, "v": validation}, index, train.width)

    def name(self, image_id: str, file_name: str | None) -> Hashable | None:  # noqa: ARG002
        """What the image is known by."""
        return self.index.row(image_id)

    def features(self, name: Hashable) -> ImageFeatures:
        """The regions of an image."""
        if not isinstance(name, RegionRow):
            raise InternalError(f"{name!r} is no row of a file.")
        return self.files[name.file].features(name.row)


def feature_lookup(
    paths: Sequence[Path], indices: Sequence[Path] = (), *, home: Path
) -> FeatureLookup:
    """Of a store, a folder of ID.npz, base64 tables (.tsv), or two HDF5 files with their indices.

    Tables are written to a store below `home` first, unless that was done. Raises `UsageError`
    where nothing of the kind is there.
    """
    first = paths[0]
    if first.suffix in (".h5", ".hdf5"):
        return FixedLookup.of(paths, indices)
    if first.suffix == ".tsv":
        return StoredLookup(FeatureStore(_stored_tables(paths, home)))
    if (first / INDEX).is_file():
        return StoredLookup(FeatureStore(first))
    return AdaptiveLookup.of(first)


def _stored_tables(paths: Sequence[Path], home: Path) -> Path:
    """The store of the tables; of tables that have changed since there is another one."""
    digests = "-".join(file_sha256(path)[:12] for path in paths)
    folder = home / f"tables-{digests}"
    if not (folder / INDEX).is_file():
        write_store(folder, _of_tables(paths))
    return folder


def _of_tables(paths: Sequence[Path]) -> Iterator[tuple[str, ImageFeatures]]:
    for path in paths:
        for line in read_region_table(path):
            if isinstance(line, Failure):
                _log.warning("%s: %s", line.id, line.message)
            else:
                yield line.image_id, line.features
