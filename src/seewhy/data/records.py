"""The typed record of each kind of sample, with a stable id."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from PIL import Image


@dataclass(frozen=True)
class ImageRecord:
    """One image that a data source offers, not yet decoded.

    `id` is unique in its source and stable between runs. `read` returns the decoded image
    (always mode RGB, orientation applied) or raises `DataError` with a code. `label` is a
    class name as the source knows it, or None. `attributes` are further columns, such as
    the true colour.
    """

    id: str
    read: Callable[[], Image.Image]
    label: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """One sample that could not be used: a row of `failures.parquet`."""

    id: str
    code: str
    message: str
