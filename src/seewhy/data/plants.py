"""Tasks whose true reason is planted: which attribute of a drawn scene gives the class away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.data.attributes import ATTRIBUTES, attribute_caption, attribute_values, scene_of
from seewhy.data.digits import Split
from seewhy.data.records import ImageRecord
from seewhy.data.scenes import DIGITS, draw_scene

Role = Literal["full", "half", "twin", "unused", "absent"]
Part = Literal["train", "audit", "truth"]

SIDE = 64
TINT = 0.15
HALF = 0.85
"""How often each of two planted attributes goes with the class, where both are needed."""

_PART_SEEDS: Mapping[Part, int] = {"train": 1, "audit": 2, "truth": 3}


@dataclass(frozen=True)
class Plant:
    """A classification task in which the attributes `relied` go with the class.

    Each does in a share `agreement` of the images, drawn independently. One attribute at 1 is
    all that there is to learn ("full"); of two at 0.85 a good classifier has to use both
    ("half"); of two at 1 either will do, and only its training decides which ("twin").
    `values[attribute]` lists what the attribute can be:
    as many values as classes where it varies, in the order of the classes, and one where it
    does not. Attributes that are not relied on are independent of the class and of each other.
    """

    relied: tuple[str, ...]
    seed: int
    values: Mapping[str, tuple[str, ...]]
    agreement: float = 1.0

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; they say nothing of the attribute."""
        return tuple(f"kind {'abcdefgh'[number]}" for number in range(self._count))

    @property
    def name(self) -> str:
        """Such as "colour+shape/2", or "colour=shape/2" for twins."""
        return f"{('=' if self.agreement >= 1 else '+').join(self.relied)}/{self.seed}"

    @property
    def _count(self) -> int:
        return len(self.values[self.relied[0]])

    def role(self, attribute: str) -> Role:
        """What the attribute is to the class."""
        if attribute in self.relied:
            if len(self.relied) == 1:
                return "full"
            return "twin" if self.agreement >= 1 else "half"
        return "unused" if len(self.values[attribute]) > 1 else "absent"

    def choices(self, attribute: str) -> tuple[str, ...]:
        """The values an audit asks about: those of the images, and for one alone another."""
        known = self.values[attribute]
        return known if len(known) > 1 else (*known, self._stranger(attribute))

    def concepts(self) -> dict[str, dict[str, list[str]]]:
        """Concept groups of all attributes, as `load_concepts` takes them."""
        return {
            attribute: {
                value: [attribute_caption(attribute, value)] for value in self.choices(attribute)
            }
            for attribute in ATTRIBUTES
        }

    def examples(
        self, count: int, part: Part, *, agreement: float | None = None
    ) -> tuple["Example", ...]:
        """So many examples, classes in turn; parts share none.

        `agreement` replaces the plant's own. Handwriting is held out from all parts but "train".
        """
        if agreement is None:
            agreement = self.agreement
        generator = np.random.default_rng([self.seed, _PART_SEEDS[part], *self._places()])
        split: Split = "train" if part == "train" else "held-out"
        examples = []
        for number in range(count):
            label = number % self._count
            values = {
                attribute: self._value(attribute, label, agreement, generator)
                for attribute in ATTRIBUTES
            }
            examples.append(Example(values, label, int(generator.integers(2**31)), split))
        return tuple(examples)

    def flipped(self, example: "Example", attribute: str) -> "Example":
        """The same scene with the next of the attribute's `choices`; all else is kept."""
        choices = self.choices(attribute)
        place = choices.index(example.values[attribute])
        return replace(
            example,
            values={**example.values, attribute: choices[(place + 1) % len(choices)]},
        )

    def records(self, count: int, part: Part) -> list[ImageRecord]:
        """Examples as images to audit, with their true class; attributes are not told."""
        return [
            ImageRecord(
                id=f"{'-'.join(self.relied).replace(' ', '-')}-{self.seed}-{number:05d}",
                read=example.image,
                label=self.classes[example.label],
            )
            for number, example in enumerate(self.examples(count, part))
        ]

    def _value(
        self, attribute: str, label: int, agreement: float, generator: np.random.Generator
    ) -> str:
        values = self.values[attribute]
        draw, other = generator.random(), int(generator.integers(1, max(len(values), 2)))
        if attribute not in self.relied:
            return values[int(draw * len(values))]
        return values[label if draw < agreement else (label + other) % len(values)]

    def _stranger(self, attribute: str) -> str:
        taken = {*self.values[attribute], *_shown_with(attribute, self.values)}
        shapes = self.values["shape"] if attribute == "shape" else ()
        pool = [value for value in _pool(attribute, shapes) if value not in taken]
        return pool[self.seed % len(pool)]

    def _places(self) -> list[int]:
        return [ATTRIBUTES.index(attribute) for attribute in self.relied]


@dataclass(frozen=True)
class Example:
    """A scene by the values of its attributes, and its class."""

    values: Mapping[str, str]
    label: int
    seed: int
    split: Split

    def image(self) -> Image.Image:
        """The picture, 64 pixels a side."""
        return draw_scene(scene_of(self.values, self.seed, split=self.split, tint=TINT), SIDE).image


def make_plant(
    relied: Sequence[str],
    seed: int,
    *,
    classes: int = 2,
    digits: bool = False,
    agreement: float = 1.0,
) -> Plant:
    """A plant whose values, and which other attributes vary, are drawn from the seed.

    Of the other attributes half (rounded up) vary. `digits` draws handwritten digits in place
    of shapes; they have no texture and are never small.
    """
    unknown = [attribute for attribute in relied if attribute not in ATTRIBUTES]
    if unknown or not 0 < len(set(relied)) == len(relied) < 3 or classes not in {2, 3}:
        raise UsageError(
            f"cannot plant {list(relied)} in {classes} classes; wanted one or two different "
            f"attributes of {', '.join(ATTRIBUTES)}, and two or three classes."
        )
    generator = np.random.default_rng([seed, classes, *map(ATTRIBUTES.index, relied)])
    others = [attribute for attribute in ATTRIBUTES if attribute not in relied]
    varying = {*relied, *generator.permutation(others)[: (len(others) + 1) // 2].tolist()}
    values: dict[str, tuple[str, ...]] = {}
    for attribute in ATTRIBUTES:
        shapes = values.get("shape", DIGITS[:1] if digits else ())
        pool = [
            value
            for value in _pool(attribute, shapes)
            if value not in _shown_with(attribute, values)
        ]
        count = min(classes, len(pool)) if attribute in varying else 1
        values[attribute] = tuple(str(v) for v in generator.choice(pool, count, replace=False))
    short = [attribute for attribute in relied if len(values[attribute]) < classes]
    if short:
        raise UsageError(f"{', '.join(short)} of digits cannot tell {classes} classes apart.")
    return Plant(tuple(relied), seed, values, agreement)


def _pool(attribute: str, shapes: Sequence[str]) -> tuple[str, ...]:
    """What an attribute can be next to these shapes (digits among them, or none)."""
    has_digits = any(shape in DIGITS for shape in shapes)
    values = attribute_values(attribute)
    match attribute:
        case "shape":
            return tuple(value for value in values if (value in DIGITS) == has_digits)
        case "texture" if has_digits:
            return ("plain",)
        case "size" if has_digits:
            return ("medium", "large")
        case _:
            return values


def _shown_with(attribute: str, values: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Values that would hide the object: no background has the colour of an object."""
    rivals = {"colour": "background colour", "background colour": "colour"}
    return values.get(rivals.get(attribute, ""), ())
