"""Statements about drawn scenes, in words, and whether they are true of a scene."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from seewhy.data.scenes import (
    BACKGROUNDS,
    COLOURS,
    DIGITS,
    KINDS,
    MARKS,
    POSITIONS,
    SHAPES,
    SIZES,
    TEXTURES,
    Scene,
)

ANY = "any"
DIGIT = "digit"
COUNTS = ("one", "two", "three")

_NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NOUNS = {ANY: ("object", "shape", "thing", "figure"), DIGIT: ("digit", "number")}
_OPENINGS = (
    "a photo of {article}",
    "a picture of {article}",
    "an image of {article}",
    "a drawing of {article}",
    "there is {article}",
    "{article}",
    "",
)
_SIZE_WORDS = {
    "small": ("small", "tiny", "little"),
    "medium": ("medium", "medium sized"),
    "large": ("large", "big", "huge"),
}
_TEXTURE_WORDS = {
    "plain": ("plain", "uniform", "solid"),
    "striped": ("striped",),
    "dotted": ("dotted", "spotted"),
    "checkered": ("checkered", "checked"),
}
_PLACES = {
    "left": ("on the left", "at the left"),
    "right": ("on the right", "at the right"),
    "top": ("at the top", "on top"),
    "bottom": ("at the bottom",),
    "center": ("in the center", "in the middle", "in the centre"),
}
_MARK_WORDS = {
    "none": ("without a frame or mark", "no frame and no mark"),
    "frame": ("with a frame", "a frame around"),
    "corner": ("with a mark in the corner", "a square mark in the corner"),
}


@dataclass(frozen=True)
class Claim:
    """A statement that holds when one object has all the named attributes and so has the scene.

    `kind` is a shape, a decimal digit, "digit" for any digit or "any". None claims nothing.
    """

    kind: str = ANY
    colour: str | None = None
    texture: str | None = None
    size: str | None = None
    position: str | None = None
    background_colour: str | None = None
    background_texture: str | None = None
    mark: str | None = None
    count: str | None = None


def attribute_claims() -> dict[str, dict[str, Claim]]:
    """For each attribute group, the claim that names each of its values and nothing else."""
    return {
        "value": {value: Claim(kind=value) for value in DIGITS},
        "shape": {shape: Claim(kind=shape) for shape in SHAPES},
        "colour": {colour: Claim(colour=colour) for colour in COLOURS},
        "texture": {texture: Claim(texture=texture) for texture in TEXTURES},
        "size": {size: Claim(size=size) for size in SIZES},
        "position": {place: Claim(position=place) for place in POSITIONS},
        "background colour": {colour: Claim(background_colour=colour) for colour in BACKGROUNDS},
        "background texture": {texture: Claim(background_texture=texture) for texture in TEXTURES},
        "mark": {mark: Claim(mark=mark) for mark in MARKS},
        "count": {count: Claim(count=count) for count in COUNTS},
    }


def claim_about(scene: Scene, attributes: Sequence[str], *, of: int = 0) -> Claim:
    """The true claim that names these attributes (fields of `Claim`) of one object."""
    item = scene.objects[of]
    known: Mapping[str, Any] = {
        "kind": item.kind,
        "colour": item.colour,
        "texture": item.texture,
        "size": item.size,
        "position": item.position or None,
        "background_colour": scene.background_colour,
        "background_texture": scene.background_texture,
        "mark": scene.mark,
        "count": COUNTS[len(scene.objects) - 1],
    }
    return replace(Claim(), **{name: known[name] for name in attributes})


def truth_table(
    scenes: Sequence[Scene], claims: Sequence[Claim]
) -> Bool[np.ndarray, "scenes claims"]:
    """Whether each claim is true of each scene."""
    names = [field.name for field in fields(Claim)]
    object_names = ("kind", "colour", "texture", "size", "position")
    scene_names = tuple(name for name in names if name not in object_names)
    most = max((len(scene.objects) for scene in scenes), default=0)
    holds = np.ones((len(scenes), most, len(claims)), dtype=bool)
    for number in range(most):
        holds[:, number] &= np.array([len(s.objects) > number for s in scenes])[:, None]
    for name in object_names:
        wanted = _codes([getattr(claim, name) for claim in claims])
        for number in range(most):
            values = [_object_value(scene, number, name) for scene in scenes]
            holds[:, number] &= _agree(name, _codes(values), wanted)
    for name in scene_names:
        wanted = _codes([getattr(claim, name) for claim in claims])
        values = [_scene_value(scene, name) for scene in scenes]
        holds &= _agree(name, _codes(values), wanted)[:, None]
    return np.asarray(holds.any(axis=1))


def phrase(claim: Claim, generator: np.random.Generator) -> str:
    """A claim in words; wording, openings and synonyms are drawn at random."""
    if claim == Claim(mark=claim.mark) and claim.mark:
        return _either(generator, ("a picture ", "an image ", "")) + _mark_phrase(claim, generator)
    if claim == Claim(count=claim.count) and claim.count:
        noun = _either(generator, _NOUNS[ANY]) + ("" if claim.count == "one" else "s")
        verb = "is" if claim.count == "one" else "are"
        opening = _either(generator, ("a picture of ", f"there {verb} ", ""))
        return f"{opening}{claim.count} {noun}"
    noun = _noun_phrase(claim, generator)
    opening = _either(generator, _OPENINGS).format(article=_article(noun))
    places = [opening, noun]
    if claim.position:
        places.append(_either(generator, _PLACES[claim.position]))
    places.append(_background_phrase(claim, generator))
    if claim.mark:
        places.append(_mark_phrase(claim, generator))
    return " ".join(place for place in places if place)


def canonical_phrase(claim: Claim) -> str:
    """A claim in its plainest words, the same every time."""
    about_scene = (claim.mark is not None) + (claim.count is not None)
    if about_scene and claim == Claim(mark=claim.mark, count=claim.count):
        subject = "a picture" + (f" of {_counted(claim.count)}" if claim.count else "")
    else:
        subject = f"a photo of {_plain_noun(claim)}"
        if claim.count:
            subject += f" in a picture of {_counted(claim.count)}"
    return subject + (f" {_MARK_WORDS[claim.mark][0]}" if claim.mark else "")


def _counted(count: str) -> str:
    return f"{count} object{'' if count == 'one' else 's'}"


def _plain_noun(claim: Claim) -> str:
    noun = {ANY: "object"}.get(claim.kind, claim.kind)
    value = ""
    if claim.kind in DIGITS:
        noun, value = "digit", f" with the value {claim.kind}"
    words = " ".join(word for word in (claim.size, claim.texture, claim.colour, noun) if word)
    place = f" {_PLACES[claim.position][0]}" if claim.position else ""
    behind = " ".join(word for word in (claim.background_texture, claim.background_colour) if word)
    on = f" on {_article(behind)} {behind} background" if behind else ""
    return f"{_article(words)} {words}{value}{place}{on}"


def vocabulary() -> tuple[str, ...]:
    """Every word that `phrase` and `canonical_phrase` can use, and common little words."""
    texts = [
        *KINDS, *COLOURS, *BACKGROUNDS, *TEXTURES, *SIZES, *POSITIONS, *COUNTS, *_NUMERALS,
        *_OPENINGS, *_NOUNS[ANY], *_NOUNS[DIGIT], "gray objects shapes things figures digits",
        "something background backgrounds with the value an a handwritten written number of",
        "this that is are it in on at and or no not its has colour color coloured colored texture",
        "textured shown showing image picture photo drawing scene small size",
    ]  # fmt: skip
    for table in (_SIZE_WORDS, _TEXTURE_WORDS, _PLACES, _MARK_WORDS):
        texts += [text for options in table.values() for text in options]
    words = " ".join(texts).replace("{article}", " ").split()
    return tuple(sorted(set(words)))


def _noun_phrase(claim: Claim, generator: np.random.Generator) -> str:
    words = [
        _either(generator, _SIZE_WORDS[claim.size]) if claim.size else "",
        _either(generator, _TEXTURE_WORDS[claim.texture]) if claim.texture else "",
        claim.colour or "",
        _kind_phrase(claim.kind, generator),
    ]
    if claim.kind == ANY and claim.colour and generator.random() < 0.2:
        words = ["something", *words[:-1]]
    return " ".join(word for word in words if word)


def _kind_phrase(kind: str, generator: np.random.Generator) -> str:
    if kind in DIGITS:
        value = _either(generator, (kind, kind, kind, _NUMERALS[int(kind)]))
        forms = ("digit with the value {}", "digit {}", "number {}", "handwritten {}", "{}")
        return _either(generator, forms).format(value)
    return _either(generator, _NOUNS.get(kind, (kind,)))


def _background_phrase(claim: Claim, generator: np.random.Generator) -> str:
    texture, colour = claim.background_texture, claim.background_colour
    words = [
        _either(generator, _TEXTURE_WORDS[texture]) if texture else "",
        _either(generator, ("grey", "gray")) if colour == "grey" else colour or "",
    ]
    joined = " ".join(word for word in words if word)
    preposition = _either(generator, ("on", "with"))
    return f"{preposition} {_article(joined)} {joined} background" if joined else ""


def _article(words: str) -> str:
    """The article that fits the next word; "one" begins with a consonant's sound."""
    return "an" if words[:1] in set("aeio8") and words.split(maxsplit=1)[0] != "one" else "a"


def _mark_phrase(claim: Claim, generator: np.random.Generator) -> str:
    return _either(generator, _MARK_WORDS[claim.mark or "none"])


def _either(generator: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(generator.integers(len(options)))]


def _object_value(scene: Scene, number: int, name: str) -> str | None:
    if number >= len(scene.objects):
        return None
    value: str = getattr(scene.objects[number], name)
    return value or None


def _scene_value(scene: Scene, name: str) -> str:
    if name == "count":
        return COUNTS[len(scene.objects) - 1]
    value: str = getattr(scene, name)
    return value


_WORDS = (
    *KINDS, *BACKGROUNDS, *TEXTURES, *SIZES, *POSITIONS, *MARKS, *COUNTS, ANY, DIGIT,
)  # fmt: skip
_CODE = {word: number for number, word in enumerate(dict.fromkeys(_WORDS))}


def _codes(values: Sequence[str | None]) -> Int[np.ndarray, " values"]:
    return np.array([-1 if value is None else _CODE[value] for value in values], dtype=int)


def _agree(
    name: str, values: Int[np.ndarray, " scenes"], wanted: Int[np.ndarray, " claims"]
) -> Bool[np.ndarray, "scenes claims"]:
    agree: Bool[np.ndarray, "scenes claims"] = values[:, None] == wanted[None]
    agree |= wanted[None] == -1
    if name == "kind":
        digits = np.isin(values, _codes(DIGITS))
        agree |= wanted[None] == _CODE[ANY]
        agree |= (wanted[None] == _CODE[DIGIT]) & digits[:, None]
    return agree
