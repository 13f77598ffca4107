"""Parts: one kind of evidence each, with arrays that cannot be written to.

Parts check themselves when they are made, for they also come out of files: `no_type_check`
leaves that to them alone, in the tests too.
"""

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, no_type_check

import numpy as np
from jaxtyping import Float, Int, UInt8

from seewhy.base.errors import UsageError

Unit = Literal["share", "similarity", "score"]
Frame = Literal["grid", "input", "image"]


@no_type_check
@dataclass(frozen=True, eq=False)
class ConceptScores:
    """One score per concept; NaN is a score that is not defined.

    `low` and `high` bound the 95 % interval. Unit "share" means 0 to 1.
    """

    title: str
    names: tuple[str, ...]
    scores: Float[np.ndarray, " names"]
    low: Float[np.ndarray, " names"] | None = None
    high: Float[np.ndarray, " names"] | None = None
    unit: Unit = "score"

    def __post_init__(self) -> None:
        _check_texts(self, "title")
        _check_names(self, "names")
        _check_unit(self)
        for name in ("scores", "low", "high"):
            _check_array(self, name, (len(self.names),), optional=name != "scores")
        _check_interval(self)


@no_type_check
@dataclass(frozen=True, eq=False)
class Curve:
    """Named series over the points of one named axis; NaN is a value that is not defined.

    `positions` rise; `ticks` names them, one text per point, or is empty: then numbers show.
    `low` and `high` bound the 95 % interval of each value, unless the title says otherwise.
    """

    title: str
    axis: str
    names: tuple[str, ...]
    positions: Float[np.ndarray, " points"]
    values: Float[np.ndarray, "names points"]
    low: Float[np.ndarray, "names points"] | None = None
    high: Float[np.ndarray, "names points"] | None = None
    ticks: tuple[str, ...] = ()
    unit: Unit = "score"

    def __post_init__(self) -> None:
        _check_texts(self, "title", "axis")
        _check_names(self, "names")
        _check_names(self, "ticks")
        _check_unit(self)
        points = self.positions.shape[0] if np.ndim(self.positions) == 1 else 0
        _check_array(self, "positions", (points,))
        if not (np.diff(self.positions) > 0).all():
            raise UsageError("Curve.positions must rise from point to point. Sort the points.")
        if len(self.ticks) not in (0, points):
            raise UsageError(
                f"Curve.ticks names {len(self.ticks)} points, positions has {points}. "
                "Give one tick per point, or none."
            )
        for name in ("values", "low", "high"):
            _check_array(self, name, (len(self.names), points), optional=name != "values")
        _check_interval(self)


@no_type_check
@dataclass(frozen=True, eq=False)
class Statement:
    """A finding in words, for a reader who is no expert."""

    title: str
    text: str

    def __post_init__(self) -> None:
        _check_texts(self, "title", "text")


@no_type_check
@dataclass(frozen=True, eq=False)
class UnitMatches:
    """For each unit of one encoder site: which unit of the model matches it best, and how well.

    Unit j of `site` is matched by channel `channels[j]` of layer `layers[layer_of[j]]`, with
    correlation `scores[j]` between -1 and 1.
    """

    title: str
    site: str
    layers: tuple[str, ...]
    layer_of: Int[np.ndarray, " units"]
    channels: Int[np.ndarray, " units"]
    scores: Float[np.ndarray, " units"]

    def __post_init__(self) -> None:
        _check_texts(self, "title", "site")
        _check_names(self, "layers")
        shape = np.shape(self.scores)[:1]
        for name, kind in (("layer_of", "i"), ("channels", "i"), ("scores", "f")):
            _check_array(self, name, shape, kind=kind)
        if self.layer_of.size and not (
            self.layer_of.min() >= 0 and self.layer_of.max() < len(self.layers)
        ):
            raise UsageError(
                f"UnitMatches.layer_of points outside its {len(self.layers)} layers. "
                "Give positions in `layers`, counted from 0."
            )


@no_type_check
@dataclass(frozen=True, eq=False)
class Heatmap:
    """One signed value per position, row by row; NaN where the model has not looked.

    Positions are those of `frame`: patches ("grid"), pixels of what the model was given
    ("input"), or pixels of the image as it was read ("image").
    """

    title: str
    values: Float[np.ndarray, "rows cols"]
    unit: Unit = "score"
    frame: Frame = "image"

    def __post_init__(self) -> None:
        _check_texts(self, "title")
        _check_unit(self)
        if self.frame not in get_args(Frame):
            raise UsageError(
                f"Heatmap.frame is {self.frame!r}; known frames: {', '.join(get_args(Frame))}."
            )
        shape = np.shape(self.values)
        _check_array(self, "values", shape if len(shape) == 2 and min(shape) else (1, 1))


@no_type_check
@dataclass(frozen=True, eq=False)
class Picture:
    """An image that was drawn as evidence, red, green and blue from 0 to 255."""

    title: str
    pixels: UInt8[np.ndarray, "height width 3"]

    def __post_init__(self) -> None:
        _check_texts(self, "title")
        shape = np.shape(self.pixels)
        is_image = len(shape) == 3 and shape[2] == 3 and min(shape) > 0
        _check_array(self, "pixels", shape if is_image else (1, 1, 3), kind="u")


Part = ConceptScores | Curve | Statement | UnitMatches | Heatmap | Picture

PART_KINDS: dict[str, type[Part]] = {
    "concept-scores": ConceptScores,
    "curve": Curve,
    "statement": Statement,
    "unit-matches": UnitMatches,
    "heatmap": Heatmap,
    "picture": Picture,
}
"""The name of each kind in a stored file; a name never changes its meaning."""


def part_kind(part: Part) -> str:
    """The stored name of a part's kind."""
    return next(kind for kind, cls in PART_KINDS.items() if type(part) is cls)


def part_fields(part: Part) -> dict[str, Any]:
    """The fields of a part that are set, by name; arrays are not copied."""
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    return {name: value for name, value in values.items() if value is not None}


def _check_texts(part: object, *names: str) -> None:
    for name in names:
        value = getattr(part, name)
        if not isinstance(value, str):
            raise UsageError(f"{_where(part, name)} must be text, not {type(value).__name__}.")


def _check_names(part: object, name: str) -> None:
    value = getattr(part, name)
    if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{_where(part, name)} must be a tuple of texts.")


def _check_unit(part: ConceptScores | Curve | Heatmap) -> None:
    if part.unit not in get_args(Unit):
        raise UsageError(
            f"{_where(part, 'unit')} is {part.unit!r}; known units: {', '.join(get_args(Unit))}."
        )


def _check_array(
    part: object, name: str, shape: tuple[int, ...], *, kind: str = "f", optional: bool = False
) -> None:
    """The array at a field has this shape and kind; it is replaced by a read-only copy."""
    value = getattr(part, name)
    if value is None and optional:
        return
    if not isinstance(value, np.ndarray) or value.dtype.kind != kind or value.shape != shape:
        came = (
            f"{value.dtype}{list(value.shape)}"
            if isinstance(value, np.ndarray)
            else type(value).__name__
        )
        wanted = {"f": "floating", "i": "integer", "u": "unsigned integer"}[kind]
        raise UsageError(
            f"{_where(part, name)} came as {came}; expected a NumPy array of {wanted} numbers "
            f"of shape {list(shape)}."
        )
    if kind == "f" and np.isinf(value).any():
        raise UsageError(
            f"{_where(part, name)} holds infinite values. Use NaN where a value is not defined."
        )
    copy = value.copy()
    copy.flags.writeable = False
    object.__setattr__(part, name, copy)


def _check_interval(part: ConceptScores | Curve) -> None:
    if (part.low is None) != (part.high is None):
        raise UsageError(f"{_where(part, 'low')} and `high` come together or not at all.")
    if part.low is not None and part.high is not None and (part.low > part.high).any():
        raise UsageError(f"{_where(part, 'low')} lies above `high`. Swap the two.")


def _where(part: object, name: str) -> str:
    return f"{type(part).__name__}.{name}"
