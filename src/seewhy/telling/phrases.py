"""A thing that a reason names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NounPhrase:
    """A thing in the words that are looked for, such as "a red circle" for "the circle is red".

    `words` are the places of the reason's words, from 0, that speak of it. With `is_negated` the
    reason says that there is none. `place` is where it is said to lie: "top left", "right", ...
    """

    text: str
    words: tuple[int, ...]
    is_negated: bool = False
    place: str | None = None
