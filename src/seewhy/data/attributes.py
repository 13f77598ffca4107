"""Scenes by the values of their attributes, so that one can be flipped and all else be kept."""

from collections.abc import Mapping
from functools import cache

import numpy as np

from seewhy.base.errors import UsageError
from seewhy.data.claims import Claim, attribute_claims, canonical_phrase
from seewhy.data.digits import Split
from seewhy.data.scenes import DIGITS, SIZES, Scene, SceneObject, glyph_of, object_centre

ATTRIBUTES = (
    "shape",
    "colour",
    "texture",
    "size",
    "position",
    "background colour",
    "background texture",
    "mark",
)
"""Names as in `attribute_claims`; the shape may be a decimal digit."""


def scene_of(values: Mapping[str, str], seed: int, *, split: Split, tint: float = 0.0) -> Scene:
    """The scene of one object with a value for each of `ATTRIBUTES`.

    All that the values leave open (place and size within their range, turn, handwriting, scatter
    of colours) depends on `seed` and not on the values: two scenes of the same seed differ in
    nothing but the attributes whose values differ. Raises `UsageError` for unknown values.
    """
    _check(values)
    shares = np.random.default_rng([seed, 0]).uniform(size=3)
    smallest, largest = SIZES[values["size"]]
    radius = float(smallest + shares[0] * (largest - smallest))
    kind = values["shape"]
    item = SceneObject(
        kind=kind,
        colour=values["colour"],
        texture=values["texture"],
        size=values["size"],
        position=values["position"],
        centre=object_centre(values["position"], radius, np.random.default_rng([seed, 1])),
        radius=radius,
        angle=float(0.4 * shares[1] - 0.2),
        glyph=glyph_of(int(kind), float(shares[2]), split) if kind in DIGITS else None,
    )
    return Scene(
        objects=(item,),
        background_colour=values["background colour"],
        background_texture=values["background texture"],
        mark=values["mark"],
        tint=tint,
        seed=seed,
    )


@cache
def attribute_values(attribute: str) -> tuple[str, ...]:
    """The values that an attribute can have; for the shape, the drawn ones and then digits."""
    claims = attribute_claims()
    more = claims["value"] if attribute == "shape" else {}
    return (*claims[attribute], *more)


def attribute_caption(attribute: str, value: str) -> str:
    """The plainest caption that names this value and nothing else."""
    claims = attribute_claims()
    group = "value" if attribute == "shape" and value in DIGITS else attribute
    claim: Claim = claims[group][value]
    return canonical_phrase(claim)


def _check(values: Mapping[str, str]) -> None:
    for attribute in ATTRIBUTES:
        if values.get(attribute) not in attribute_values(attribute):
            raise UsageError(
                f"{attribute} is {values.get(attribute)!r}; wanted one of "
                f"{', '.join(attribute_values(attribute))}."
            )
    if set(values) != set(ATTRIBUTES):
        unknown = ", ".join(sorted(set(values) - set(ATTRIBUTES)))
        raise UsageError(f"no attribute {unknown}; there are {', '.join(ATTRIBUTES)}.")
