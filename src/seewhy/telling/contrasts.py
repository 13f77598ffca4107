"""What else could be there instead of a thing: other colours and kinds, or a bank of concepts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from seewhy.data.narration.drawn.phrases import DIGIT, OBJECT, Phrase, read_phrase
from seewhy.data.scenes import COLOURS, KINDS, SHAPES, TEXTURES


@dataclass(frozen=True)
class Contrasts:
    """Other texts; `is_exclusive` says that each of them excludes the thing where it is."""

    texts: tuple[str, ...]
    is_exclusive: bool


def contrasts_of(text: str, bank: Sequence[str]) -> Contrasts:
    """For a drawn object all that differ in one thing alone; else what shares no word with it.

    A text that is all objects or all digits cannot be told apart by colours that are not named.
    """
    article, _, rest = text.partition(" ")
    drawn = read_phrase(rest) if article in ("a", "an") else None
    if drawn is not None:
        return Contrasts(tuple(each.indefinite for each in _others(drawn)), is_exclusive=True)
    own = set(map(_stem, text.split()))
    different = tuple(each for each in bank if own.isdisjoint(map(_stem, each.lower().split())))
    return Contrasts(different, is_exclusive=False)


def _others(drawn: Phrase) -> list[Phrase]:
    nouns: tuple[str, ...] = ()
    if drawn.noun != OBJECT:
        known = SHAPES if drawn.noun == DIGIT else KINDS
        nouns = tuple(noun for noun in known if noun != drawn.noun)
    colours = [each for each in COLOURS if drawn.colour not in (None, each)]
    textures = [each for each in TEXTURES if drawn.texture not in (None, each)]
    more = (DIGIT,) if drawn.noun in SHAPES else ()
    return [
        *(replace(drawn, noun=noun) for noun in (*nouns, *more)),
        *(replace(drawn, colour=colour) for colour in colours),
        *(replace(drawn, texture=texture) for texture in textures),
    ]


def _stem(word: str) -> str:
    return word.removesuffix("s")
