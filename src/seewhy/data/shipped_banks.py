"""The banks that ship: one for photographs, one of the words that the embedded encoders know."""

from itertools import combinations, product
from pathlib import Path
from typing import Literal

from seewhy.base.errors import UsageError
from seewhy.data.claims import Claim, canonical_phrase
from seewhy.data.scenes import COLOURS, KINDS, TEXTURES

SHIPPED_BANKS = ("general", "objects")

_FOLDER = Path(__file__).parent / "concept_banks"
_OPENING = "a photo of "


def shipped_texts(name: str) -> tuple[str, ...]:
    """The texts of a bank that ships: "general" or "objects"."""
    if name == "general":
        lines = (_FOLDER / "general.txt").read_text(encoding="utf-8").splitlines()
        return tuple(line for line in lines if line and not line.startswith("#"))
    if name == "objects":
        return object_texts()
    raise UsageError(f"no bank {name!r} ships; there are {', '.join(SHIPPED_BANKS)}.")


def object_texts(*, most: Literal[1, 2, 3] = 2) -> tuple[str, ...]:
    """What can be said of a drawn object, naming up to `most` of kind, colour and texture.

    Kinds are shapes and digits. The wording is the plainest that the embedded encoders learned.
    """
    values = {"kind": KINDS, "colour": tuple(COLOURS), "texture": TEXTURES}
    claims = (
        Claim(**dict(zip(names, chosen, strict=True)))
        for count in range(1, most + 1)
        for names in combinations(values, count)
        for chosen in product(*(values[name] for name in names))
    )
    return tuple(canonical_phrase(claim).removeprefix(_OPENING) for claim in claims)
