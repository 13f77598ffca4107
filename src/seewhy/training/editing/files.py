"""The user's own captions and images: a Karpathy split, existing captions, and features."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from seewhy.base.errors import DataError, UsageError
from seewhy.data.editing.existing import (
    ExistingCaption,
    ExistingCaptions,
    edits_of,
    read_existing,
    read_utilities,
)
from seewhy.data.editing.karpathy import CaptionedImage, read_karpathy
from seewhy.data.editing.records import EditRecord
from seewhy.data.files import shown
from seewhy.data.narration.entries import ImageFolder
from seewhy.models.editing.feature_lookup import FeatureLookup, StoredLookup, feature_lookup
from seewhy.models.editing.feature_store import INDEX, FeatureStore, write_store
from seewhy.models.editing.features import ImageFeatures
from seewhy.models.editing.sources import (
    AnySourceConfig,
    FeatureSource,
    FileSourceConfig,
)
from seewhy.models.editing.words import EditVocabulary, vocabulary_of
from seewhy.results.files import file_sha256
from seewhy.training.editing.batches import EditExamples, ReadRegions, Writer
from seewhy.training.editing.examples import RecordExamples
from seewhy.training.editing.judging import Cases
from seewhy.training.editing.material import Material, config_of
from seewhy.training.editing.presets import EditorPreset
from seewhy.training.editing.rewards import CaptionReward
from seewhy.training.editing.scaling import Scale, scaled_regions

_AT_A_TIME = 64
_STORE = "features"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EditorFiles:
    """Files in the published forms.

    `captions` is a Karpathy split, `existing` are lists of existing captions, prepared or not. Of
    the images there are either `images`, their folder, or `features`: a store, a folder of ID.npz,
    a base64 table, or the two HDF5 files of COCO's training and validation images with their two
    `indices` from image ids to rows as JSON.
    """

    captions: Path
    existing: tuple[Path, ...]
    images: Path | None = None
    features: tuple[Path, ...] = ()
    indices: tuple[Path, ...] = ()


@dataclass(frozen=True)
class FileReading:
    """How files are read: `source` sees images, and what it saw is kept below `home`."""

    home: Path
    source: FeatureSource | None = None
    progress: bool = False


def file_material(
    preset: EditorPreset,
    files: EditorFiles,
    reading: FileReading,
    *,
    vocabulary: EditVocabulary | None = None,
    seed: int = 0,
) -> Material:
    """Captions of the training split to learn from; those of the others judge.

    Without test captions those of the validation split measure too. Words are those of the
    training captions unless a `vocabulary` is given.
    """
    split = read_karpathy(files.captions)
    existing = _existing(files.existing, split.images)
    seen = _seen(files, split.images, reading)
    parts = {
        part: _Part.of(split.of(part), existing, seen) for part in ("train", "validation", "test")
    }
    for part in ("train", "validation"):
        if not parts[part].records:
            raise UsageError(
                f"no caption of the {part} split of {shown(files.captions)} has an existing "
                "caption and features. Give captions and images that go together."
            )
    trained = parts["train"]
    truths = [record.truths for record in trained.records]
    scale = Scale.of(trained.regions) if preset.sight.is_scaled else None
    regions = scaled_regions(trained.regions, scale)
    vocabulary = vocabulary or vocabulary_of(
        (each for group in truths for each in group), least=preset.least
    )
    writer = Writer(vocabulary, preset.longest)

    def examples(size: int) -> EditExamples:
        return RecordExamples(trained.records, regions, writer, size, seed)

    validation = parts["validation"].cases
    return Material(
        examples,
        writer,
        validation.scaled(scale),
        parts["test"].cases if parts["test"].records else validation,
        lambda: CaptionReward.of(writer.references(group) for group in truths),
        _config(seen, reading.source),
        seen.width,
        scale,
        {
            "data": {path.name: file_sha256(path) for path in (files.captions, *files.existing)},
            "images": {name: len(each.records) for name, each in parts.items()},
        },
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """Records of a split and their regions."""

    records: tuple[EditRecord, ...]
    regions: ReadRegions

    @classmethod
    def of(
        cls,
        images: Sequence[CaptionedImage],
        existing: Mapping[str, ExistingCaption],
        seen: FeatureLookup,
    ) -> "_Part":
        names = {image.file_name: seen.name(image.id, image.file_name) for image in images}
        known = [image for image in images if names[image.file_name] is not None]
        found = edits_of(known, existing)
        left_out = len(images) - len(found.records)
        if left_out:
            _log.warning(
                "%d of %d images of a split are left out: %d have no features, %d no caption",
                *(left_out, len(images), len(images) - len(known), len(found.failures)),
            )
        records = tuple(found.records)
        return cls(records, ReadRegions(seen.features, [names[each.id] for each in records]))

    @property
    def cases(self) -> Cases:
        return Cases(self.records, self.regions)


def _existing(
    paths: Sequence[Path], images: Sequence[CaptionedImage]
) -> dict[str, ExistingCaption]:
    """The existing captions by the names of image files; found by id where names are not told."""
    found = [caption for path in paths for caption in _read_existing(path).captions]
    named = {each.file_name: each for each in found if each.file_name}
    numbered = {each.image_id: each for each in found if not each.file_name}
    pairs = (
        (image.file_name, named.get(image.file_name) or numbered.get(image.id)) for image in images
    )
    return {name: caption for name, caption in pairs if caption is not None}


def _read_existing(path: Path) -> ExistingCaptions:
    """A list, or prepared captions: the first sign of a JSON file tells."""
    try:
        with path.open("rb") as stream:
            start = stream.read(64).lstrip()
    except OSError:
        start = b"["  # Whose reader says what is wrong.
    return read_utilities(path) if start.startswith(b"{") else read_existing(path)


def _seen(
    files: EditorFiles, images: Sequence[CaptionedImage], reading: FileReading
) -> FeatureLookup:
    if bool(files.features) == (files.images is not None):
        raise UsageError("give either the folder of the images, or their features.")
    if files.images is not None:
        return _of_images(images, ImageFolder(files.images), reading)
    return feature_lookup(files.features, files.indices, home=reading.home)


def _of_images(
    images: Sequence[CaptionedImage], pictures: ImageFolder, reading: FileReading
) -> StoredLookup:
    if reading.source is None:
        raise UsageError("images are seen by an encoder. Name one with --encoder.")
    folder = reading.home / _STORE
    if not (folder / INDEX).is_file():
        found = _looked_at(images, pictures, reading.source, progress=reading.progress)
        write_store(folder, found, source=config_of(reading.source), precision="float16")
    return StoredLookup(FeatureStore(folder))


def _looked_at(
    images: Sequence[CaptionedImage],
    folder: ImageFolder,
    source: FeatureSource,
    *,
    progress: bool,
) -> Iterator[tuple[str, ImageFeatures]]:
    """What the source sees in each image that can be read."""
    left = iter(tqdm(images, disable=not progress, delay=2, unit="image"))
    while chunk := list(islice(left, _AT_A_TIME)):
        read: list[tuple[str, Image.Image]] = []
        for image in chunk:
            try:
                read.append((image.file_name, folder.reader(image.path)()))
            except DataError as error:
                _log.warning("%s is left out: %s", image.file_name, error)
        found = source.features([image for _, image in read]) if read else []
        yield from zip((name for name, _ in read), found, strict=True)


def _config(seen: FeatureLookup, source: FeatureSource | None) -> AnySourceConfig:
    """How features of further images are made; not at all where only a file is known."""
    if source is not None:
        return config_of(source)
    stored = seen.store.index.source if isinstance(seen, StoredLookup) else None
    return FileSourceConfig(width=seen.width) if stored is None else stored
