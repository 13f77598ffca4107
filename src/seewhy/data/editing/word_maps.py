"""Words as numbers, and captions as rows of them, as the published preparations make them.

Ordinary words have the ids from 1 in order of first appearance, then come `<unk>`, `<start>` and
`<end>`; `<pad>` is 0.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int

from seewhy.base.errors import UsageError
from seewhy.data.editing.karpathy import CaptionedImage
from seewhy.data.editing.records import Words

PAD, UNKNOWN, START, END = "<pad>", "<unk>", "<start>", "<end>"
SHOW_EDIT_TELL_LEAST, LOOK_MODIFY_LEAST = 3, 6
"""How often a word must occur to be kept, in both publications."""

_SPECIAL = frozenset({PAD, UNKNOWN, START, END})


@dataclass(frozen=True)
class CaptionShape:
    """How many words a caption may have, and what becomes of a longer one."""

    longest: int
    longer: Literal["clipped", "dropped"]


SHOW_EDIT_TELL = CaptionShape(18, "clipped")
LOOK_MODIFY = CaptionShape(50, "dropped")


@dataclass(frozen=True, eq=False)
class PreparedCaptions:
    """Captions of images in a row, `per_image` of each.

    A row is the start, the words, the end, then zeros; `lengths` count start and end too.
    """

    images: Sequence[CaptionedImage]
    ids: Int[np.ndarray, "captions width"]
    lengths: Int[np.ndarray, " captions"]
    per_image: int


def word_map(
    images: Iterable[CaptionedImage],
    *,
    least: int = SHOW_EDIT_TELL_LEAST,
    counted: Literal["train", "all"] = "train",
    more: Iterable[Words] = (),
) -> dict[str, int]:
    """Word ids of the words that occur `least` times in the captions and in `more`.

    `counted` "all" is as published: words of validation and test captions count too, which a fair
    test may not know. Words that are written like a special one are left out.
    """
    chosen = [image for image in images if counted == "all" or image.part == "train"]
    counts = Counter(word for image in chosen for words in image.captions for word in words)
    counts.update(word for words in more for word in words)
    kept = [word for word, count in counts.items() if count >= least and word not in _SPECIAL]
    if not kept:
        raise UsageError(
            f"no word occurs {least} times in the captions of {len(chosen)} images. Keep rarer "
            "words, or give more captions."
        )
    return {word: number for number, word in enumerate((*kept, UNKNOWN, START, END), start=1)} | {
        PAD: 0
    }


def word_ids(words: Iterable[str], ids: Mapping[str, int]) -> list[int]:
    """The ids of words; what is not known, or written like a special word, is unknown."""
    unknown = ids[UNKNOWN]
    return [unknown if word in _SPECIAL else ids.get(word, unknown) for word in words]


def prepared_captions(
    images: Iterable[CaptionedImage],
    ids: Mapping[str, int],
    *,
    shape: CaptionShape = SHOW_EDIT_TELL,
    per_image: int = 5,
    chance: np.random.Generator | None = None,
) -> PreparedCaptions:
    """As many captions of each image: drawn by `chance`, or the first ones in order without it.

    Where an image has too few, some come again (without chance the first). Where all captions are
    dropped as too long, so is the image.
    """
    kept: list[CaptionedImage] = []
    rows: list[list[int]] = []
    for image in images:
        captions = [
            words
            for words in image.captions
            if shape.longer == "clipped" or len(words) <= shape.longest
        ]
        if captions:
            kept.append(image)
            rows += [
                [ids[START], *word_ids(words[: shape.longest], ids), ids[END]]
                for words in _chosen(captions, per_image, chance)
            ]
    filled = np.zeros((len(rows), shape.longest + 2), dtype=np.int64)
    for number, row in enumerate(rows):
        filled[number, : len(row)] = row
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    return PreparedCaptions(tuple(kept), filled, lengths, per_image)


def _chosen(
    captions: Sequence[Words], count: int, chance: np.random.Generator | None
) -> Sequence[Words]:
    missing = max(count - len(captions), 0)
    if chance is None:
        return [*captions[:count], *(captions[0] for _ in range(missing))]
    if missing:
        again = chance.integers(len(captions), size=missing).tolist()
        return [*captions, *(captions[place] for place in again)]
    return [captions[place] for place in chance.permutation(len(captions))[:count].tolist()]
