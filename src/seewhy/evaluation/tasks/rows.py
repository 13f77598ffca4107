"""Rows of figures, any number of them for each image, and sums over all images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from seewhy.base.errors import UsageError
from seewhy.passes.rows import merged_facts, outcome_facts
from seewhy.passes.runner import PassResult
from seewhy.passes.shards import Part
from seewhy.results.files import write_table

SCHEMA = "seewhy.evaluation.rows/1"

_COUNT, _ROW, _SUM = "count", "row/", "sum/"


@dataclass(frozen=True, eq=False)
class Measured:
    """What came of one image: columns of equal length, and numbers to be added over images."""

    columns: Mapping[str, np.ndarray]
    sums: Mapping[str, np.ndarray]

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values()), ()))


@dataclass(frozen=True, eq=False)
class Rows:
    """Columns over all images; `owner` is the position in `ids` of each row's image."""

    ids: tuple[str, ...]
    owner: Int[np.ndarray, " rows"]
    columns: Mapping[str, np.ndarray]

    def where(self, chosen: Bool[np.ndarray, " rows"]) -> "Rows":
        """Some of the rows, of the same images."""
        kept = {name: values[chosen] for name, values in self.columns.items()}
        return Rows(self.ids, self.owner[chosen], kept)

    def of_method(self, method: int) -> "Rows":
        """The rows of one method."""
        return self.where(np.asarray(self.columns["method"] == method))

    def on(self, ids: Sequence[str]) -> "Rows":
        """The rows of these images, which take the place of the present ones."""
        places = {identity: number for number, identity in enumerate(ids)}
        moved = np.array([places.get(identity, -1) for identity in self.ids], dtype=np.int64)
        owner = moved[self.owner]
        kept = self.where(np.asarray(owner >= 0))
        return Rows(tuple(ids), owner[owner >= 0], kept.columns)


def measured_part(result: PassResult[Sequence[Measured]]) -> Part:
    """The part of a shard."""
    found = [each for output in result.outputs for each in output]
    facts = outcome_facts(result)
    if not found:
        return Part({}, facts)
    arrays = {_COUNT: np.array([each.count for each in found], dtype=np.int64)}
    for name in found[0].columns:
        arrays[_ROW + name] = np.concatenate([each.columns[name] for each in found])
    for name in found[0].sums:
        arrays[_SUM + name] = np.sum([each.sums[name] for each in found], axis=0)
    return Part(arrays, facts)


def merged_parts(first: Part, second: Part) -> Part:
    """The rows of one part and then those of the other, and the sums of both."""
    parts = [part for part in (first, second) if part.arrays]
    arrays = {}
    for name in parts[0].arrays if parts else ():
        found = [part.arrays[name] for part in parts]
        arrays[name] = np.sum(found, axis=0) if name.startswith(_SUM) else np.concatenate(found)
    return Part(arrays, merged_facts(first.facts, second.facts))


def rows_of(part: Part) -> Rows:
    """The rows in a part; none where every image failed."""
    counts = part.arrays.get(_COUNT, np.zeros(0, dtype=np.int64))
    columns = {
        name.removeprefix(_ROW): values
        for name, values in part.arrays.items()
        if name.startswith(_ROW)
    }
    return Rows(tuple(part.facts["ids"]), np.repeat(np.arange(len(counts)), counts), columns)


def sums_of(part: Part) -> dict[str, np.ndarray]:
    """The sums in a part."""
    return {
        name.removeprefix(_SUM): values
        for name, values in part.arrays.items()
        if name.startswith(_SUM)
    }


def write_rows(path: Path, rows: Rows, texts: Mapping[str, Sequence[str]]) -> Path:
    """Write a Parquet table of a row each, with the image's id; what is 2-D becomes lists.

    `texts` spells out columns of numbers, such as {"method": names of methods}.
    """
    import pyarrow

    columns: dict[str, Any] = {"id": pyarrow.array([rows.ids[each] for each in rows.owner])}
    for name, values in rows.columns.items():
        if name in texts:
            spelt = np.array(texts[name], dtype=object)[values]
            columns[name] = pyarrow.array(spelt, pyarrow.string())
        elif values.ndim == 1:
            columns[name] = pyarrow.array(values)
        else:
            flat = pyarrow.array(values.ravel())
            columns[name] = pyarrow.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return write_table(path, pyarrow.table(columns), schema=SCHEMA)


def read_rows(path: Path, texts: Mapping[str, Sequence[str]]) -> Rows:
    """What `write_rows` wrote, of the images that have a row.

    Raises `UsageError` where there is no such table.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise UsageError(
            f"cannot read {path}: {error}. Name the output of an evaluation."
        ) from error
    columns: dict[str, np.ndarray] = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if name in texts:
            places = {text: number for number, text in enumerate(texts[name])}
            columns[name] = np.array([places[text] for text in column.to_pylist()], dtype=np.int64)
        elif pyarrow.types.is_fixed_size_list(column.type):
            flat = column.flatten().to_numpy(zero_copy_only=False)
            columns[name] = flat.reshape(-1, column.type.list_size)
        elif name != "id":
            columns[name] = column.to_numpy(zero_copy_only=False)
    names = table["id"].to_pylist()
    ids = tuple(dict.fromkeys(names))
    order = {identity: number for number, identity in enumerate(ids)}
    return Rows(ids, np.array([order[name] for name in names], dtype=np.int64), columns)
