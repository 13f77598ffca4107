"""Data sets of the Hugging Face `datasets` library, from memory or disk, to records."""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

from seewhy.base.errors import DataError, UsageError
from seewhy.data.files import shown
from seewhy.data.images import ReadPolicy
from seewhy.data.listing import Columns, EncodedImage, Listing, Row, list_rows
from seewhy.data.manifests import image_cell

_WHERE = "the data set"


def is_hugging_face(data: object) -> bool:
    """Whether an object is of the `datasets` library, without importing it."""
    return any(kind.__module__.partition(".")[0] == "datasets" for kind in type(data).__mro__)


def load_hugging_face(path: Path) -> Any:
    """What `save_to_disk` wrote; nothing is fetched from the hub and no script is run."""
    try:
        import datasets
    except ImportError as error:
        raise UsageError("`hf:` needs an extra: pip install 'seewhy[datasets]'.") from error
    try:
        return datasets.load_from_disk(str(path))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{shown(path)} is no data set on this disk. Write one with `save_to_disk`, or give "
            f"a Parquet file instead ({error})."
        ) from error


def list_hugging_face(data: Any, columns: Columns, *, policy: ReadPolicy) -> Listing:
    """One record per row; ids are positions unless a column gives them.

    Images are decoded by seewhy, so that a broken one is a failure of its own record.
    """
    import datasets

    table, columns = _one_split(data, columns)
    image = columns.image or _only_image_column(table)
    chosen = Columns(image, columns.label, columns.id, columns.split)
    chosen = chosen.chosen(table.column_names, where=_WHERE)
    encoded = table.with_format(None)
    if isinstance(table.features[chosen.image], datasets.Image):
        encoded = encoded.cast_column(chosen.image, datasets.Image(decode=False))
    return list_rows(_rows(encoded, str(chosen.image), policy), chosen, where=_WHERE)


def _rows(table: Any, image: str, policy: ReadPolicy) -> Iterator[Row]:
    import datasets

    kinds = datasets.Value | datasets.ClassLabel
    plain = [name for name, kind in table.features.items() if isinstance(kind, kinds)]
    others = table.select_columns([name for name in plain if name != image])
    images = table.select_columns([image])
    cells = iter(others) if others.column_names else repeat({}, len(table))
    for index, row in enumerate(cells):
        fetch = partial(_fetch, images, index, image)
        yield Row(str(index), EncodedImage(fetch, policy), _with_names(row, table.features))


def _fetch(table: Any, index: int, image: str) -> bytes | Path:
    try:
        cell = table[index][image]
    except Exception as error:  # The library may raise anything on a damaged table.
        raise DataError("unreadable", f"row {index}: {type(error).__name__}: {error}.") from error
    return Path(cell) if isinstance(cell, str) else image_cell(cell, folder=Path())


def _with_names(row: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, object]:
    """Class numbers as class names; -1 is how the library writes a hidden label."""
    return {name: _class_name(value, features[name]) for name, value in row.items()}


def _class_name(value: Any, feature: Any) -> object:
    if value is None or not hasattr(feature, "int2str"):
        return value
    return feature.int2str(value) if value >= 0 else None


def _one_split(data: Any, columns: Columns) -> tuple[Any, Columns]:
    if isinstance(data, Mapping):
        split = columns.split or (next(iter(data)) if len(data) == 1 else None)
        if split not in data:
            raise UsageError(
                f"{_WHERE} has the splits {', '.join(map(repr, data))}; choose one with `split`."
            )
        return data[split], Columns(columns.image, columns.label, columns.id)
    if not hasattr(data, "select_columns") or not hasattr(data, "__len__"):
        raise UsageError(
            f"a {type(data).__name__} cannot be read by position; give a datasets.Dataset, "
            "for a stream the first rows of it as one."
        )
    return data, columns


def _only_image_column(table: Any) -> str | None:
    import datasets

    names = [name for name, kind in table.features.items() if isinstance(kind, datasets.Image)]
    if len(names) > 1:
        raise UsageError(
            f"{_WHERE} has the images {', '.join(map(repr, names))}; choose one with "
            "`image_column`."
        )
    return names[0] if names else None
