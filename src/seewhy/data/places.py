"""Images from several places at once: files, folders and manifests."""

from collections.abc import Sequence
from pathlib import Path

from seewhy.base.errors import UsageError
from seewhy.data.files import name_as_text, shown
from seewhy.data.idx import is_idx
from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.listing import FileImage
from seewhy.data.records import Failure, ImageRecord
from seewhy.data.sources import ImageSource, open_source

_TABLES = (".csv", ".tsv", ".parquet", ".pq")


def open_places(
    places: Sequence[str | Path], *, policy: ReadPolicy = DEFAULT_POLICY
) -> ImageSource:
    """The images of all places in order; a file that is no manifest is taken for one image.

    With more than one place the id of an image begins with its place. Raises `UsageError` for a
    place that does not exist or holds nothing, and for images that come twice.
    """
    sources = [_opened(place, policy) for place in places]
    if len(sources) == 1:
        return sources[0]
    records: dict[str, ImageRecord] = {}
    failures: list[Failure] = []
    for place, source in zip(places, sources, strict=True):
        for record in source.records:
            found = ImageRecord(
                _within(place, record.id), record.read, record.label, record.attributes
            )
            if found.id in records:
                raise UsageError(f"the image {found.id!r} comes twice; name each place once.")
            records[found.id] = found
        failures += [
            Failure(_within(place, each.id), each.code, each.message) for each in source.failures
        ]
    if not records:
        raise UsageError("no images were named. Give an image, a folder or a manifest.")
    return ImageSource(
        name=f"{len(sources)} places",
        records=tuple(records.values()),
        failures=tuple(failures),
        notes=tuple(note for source in sources for note in source.notes),
    )


def _opened(place: str | Path, policy: ReadPolicy) -> ImageSource:
    path = Path(place)
    if not path.exists() and not str(place).startswith("hf:"):
        raise UsageError(
            f"{shown(path)} does not exist. Give an image, a folder of images, or a CSV or Parquet "
            "manifest."
        )
    if path.is_file() and path.suffix.lower() not in _TABLES and not is_idx(path):
        record = ImageRecord(name_as_text(Path(path.name)), FileImage(path, policy))
        return ImageSource(name_as_text(path), (record,))
    return open_source(str(place), policy=policy)


def _within(place: str | Path, identity: str) -> str:
    path = Path(place)
    name = name_as_text(path)
    is_itself = path.is_file() and name_as_text(Path(path.name)) == identity
    return name if is_itself else f"{name}/{identity}"
