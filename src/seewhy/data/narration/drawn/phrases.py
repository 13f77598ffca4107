"""Names for objects of a drawn scene, such as "striped red circle", and what answers to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from seewhy.data.scenes import COLOURS, DIGITS, KINDS, SHAPES, SIZES, TEXTURES, Scene, SceneObject

OBJECT, DIGIT = "object", "digit"
COUNTS = ("no", "one", "two", "three", "four")
FEATURES = {
    "circle": ("is round", "has no corners"),
    "square": ("has four corners",),
    "triangle": ("has three corners",),
    "star": ("has five points",),
    "cross": ("has two bars",),
    "ring": ("is round", "has a hole", "has no corners"),
}
"""How the shapes are made. Digits are handwritten, so nothing of the kind is said of them."""

_PLURALS = {"cross": "crosses"}
_SINGULARS = {f"{noun}s": noun for noun in (*SHAPES, OBJECT, DIGIT)} | {"crosses": "cross"}

Test = Callable[[int], bool]


@dataclass(frozen=True)
class Phrase:
    """A kind of objects: a shape, a decimal digit, any "digit" or any "object"."""

    noun: str = OBJECT
    colour: str | None = None
    texture: str | None = None

    @property
    def one(self) -> str:
        """The phrase for one of them."""
        return " ".join(word for word in (self.texture, self.colour, self.noun) if word)

    @property
    def many(self) -> str:
        """The phrase for several; only for nouns that are no single digit."""
        return self.one.removesuffix(self.noun) + _PLURALS.get(self.noun, f"{self.noun}s")

    def counted(self, count: int) -> str:
        """A number word and the phrase."""
        return f"{COUNTS[count]} {self.one if count == 1 else self.many}"

    @property
    def indefinite(self) -> str:
        """The phrase with "a" or "an"."""
        return f"{'an' if self.one[0] in 'aeo8' else 'a'} {self.one}"

    @property
    def definite(self) -> str:
        """The phrase with "the"."""
        return f"the {self.one}"

    def fits(self, item: SceneObject) -> bool:
        """Whether an object is of this kind."""
        is_noun = self.noun in (OBJECT, item.kind) or (self.noun == DIGIT and item.kind in DIGITS)
        return (
            is_noun and self.colour in (None, item.colour) and self.texture in (None, item.texture)
        )


def read_phrase(text: str) -> Phrase | None:
    """The phrase of one or several such objects; None for any other text."""
    *adjectives, noun = text.split() or [""]
    noun = _SINGULARS.get(noun, noun)
    texture = adjectives.pop(0) if adjectives and adjectives[0] in TEXTURES else None
    colour = adjectives.pop(0) if adjectives and adjectives[0] in COLOURS else None
    if adjectives or noun not in (OBJECT, DIGIT, *KINDS):
        return None
    return Phrase(noun, colour, texture)


def read_phrases(words: Sequence[str]) -> list[tuple[int, Phrase]]:
    """The phrases of a text, each as long as can be, with the places of their nouns."""
    found = []
    for place in range(len(words)):
        texts = (" ".join(words[max(place - size, 0) : place + 1]) for size in (2, 1, 0))
        phrase = next((each for text in texts if (each := read_phrase(text))), None)
        if phrase is not None:
            found.append((place, phrase))
    return found


@dataclass(frozen=True)
class SceneFacts:
    """What statements speak of. Every object lies in a quarter of its own."""

    scene: Scene

    @property
    def items(self) -> tuple[SceneObject, ...]:
        """The objects of the scene."""
        return self.scene.objects

    def cell(self, place: int) -> tuple[bool, bool]:
        """Whether an object lies on the right, and at the bottom."""
        x, y = self.items[place].centre
        return x > 0.5, y > 0.5

    def where(self, place: int) -> str:
        """Its quarter in words."""
        right, bottom = self.cell(place)
        return f"at the {'bottom' if bottom else 'top'} {'right' if right else 'left'}"

    def side(self, place: int) -> str:
        """Its half, left or right, in words."""
        return f"on the {'right' if self.cell(place)[0] else 'left'}"

    def level(self, place: int) -> str:
        """Its half, top or bottom, in words."""
        return f"at the {'bottom' if self.cell(place)[1] else 'top'}"

    def is_in(self, place: int, words: str) -> bool:
        """Whether an object lies there: a quarter or a half in words."""
        return words in (self.where(place), self.side(place), self.level(place))

    def size(self, place: int) -> int:
        """Position of its size in `SIZES`."""
        return list(SIZES).index(self.items[place].size)

    def relates(self, first: int, relation: str, second: int) -> bool:
        """Whether the first object is so to the second; by halves and by sizes."""
        (x1, y1), (x2, y2) = self.cell(first), self.cell(second)
        return {
            "left of": x1 < x2,
            "right of": x1 > x2,
            "above": y1 < y2,
            "below": y1 > y2,
            "larger than": self.size(first) > self.size(second),
            "smaller than": self.size(first) < self.size(second),
        }[relation]

    def places(self, phrase: Phrase) -> list[int]:
        """The objects that a phrase fits."""
        return [place for place, item in enumerate(self.items) if phrase.fits(item)]

    def count(self, phrase: Phrase) -> int:
        """How many objects a phrase fits."""
        return len(self.places(phrase))

    @cached_property
    def main(self) -> int | None:
        """The object that is larger than every other, if there is one."""
        sizes = [self.size(place) for place in range(len(self.items))]
        largest = [place for place, size in enumerate(sizes) if size == max(sizes)]
        return largest[0] if len(largest) == 1 else None

    def unique_names(self, place: int, *, hidden: Sequence[str] = ()) -> list[Phrase]:
        """Phrases that fit this object alone; `hidden` of "kind" and "colour" are not used."""
        item = self.items[place]
        kinds = [OBJECT] if "kind" in hidden else [item.kind, OBJECT]
        colours = [None] if "colour" in hidden else [item.colour, None]
        found = [
            Phrase(kind, colour, texture)
            for texture in (None, item.texture)
            for kind in kinds
            for colour in colours
        ]
        alone = [phrase for phrase in found if self.places(phrase) == [place]]
        short = [phrase for phrase in alone if phrase.texture is None]
        return [phrase for phrase in short or alone if phrase != Phrase()]
