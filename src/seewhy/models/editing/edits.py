"""A caption after editing: what was kept, replaced, inserted and deleted, and on what evidence."""

import math
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from seewhy.models.editing.alignment import Operation
from seewhy.models.editing.decoded import Decoded

_JOINING = "'’-"
_APART = str.maketrans(dict.fromkeys(string.punctuation + "“”…–—", " "))
_JOINED = str.maketrans(dict.fromkeys(_JOINING, ""))


@dataclass(frozen=True)
class WordEvidence:
    """Why a word was written; None for what the editor has no part for.

    `probability` is that among all words, after those before it. `source` and `regions` are
    attention, with sum 1, over the words that were read and over the image's regions. `copied` is
    the place of the read word whose memory was taken, `copy_gate` how much of it was, and
    `context_gate` how much of what the caption gave, 0 to 1. `kept` is the share of the read
    sentence beside the residual, 0 to 1.
    """

    probability: float
    source: tuple[float, ...] | None = None
    copied: int | None = None
    copy_gate: float | None = None
    context_gate: float | None = None
    regions: tuple[float, ...] | None = None
    kept: float | None = None


@dataclass(frozen=True)
class Alternative:
    """Another caption that the search found; `log_probability` is that of the whole."""

    text: str
    words: tuple[str, ...]
    log_probability: float
    is_finished: bool


@dataclass(frozen=True)
class Edit:
    """What became of one caption.

    `text` is the caption as it was given where nothing changed, else `words` with spaces.
    `operations` lead from `original`, the given caption's words, to `words`; `evidence` has an
    entry per word, which counts the words that were `read`. The two differ where the caption was
    clipped, and after several rounds, of which it is the last one that changed anything.
    `is_finished` is False for a caption that the limit cut. `alternatives` come best first, the
    chosen one not among them. `notes` say what was done to the caption before it was read.
    """

    text: str
    words: tuple[str, ...]
    log_probability: float
    is_finished: bool
    changed: bool
    operations: tuple[Operation, ...]
    evidence: tuple[WordEvidence, ...]
    alternatives: tuple[Alternative, ...] = ()
    original: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def plain_words(caption: str) -> tuple[str, ...]:
    """The words of a caption as in the published training data: lower case, no punctuation.

    Apostrophes and hyphens are left out, other punctuation parts words.

    >>> plain_words("A man's T-shirt, red!")
    ('a', 'mans', 'tshirt', 'red')
    """
    return tuple(caption.lower().translate(_JOINED).translate(_APART).split())


def evidence_of(decoded: Decoded) -> tuple[WordEvidence, ...]:
    """An entry for each word of a caption."""
    trace, count = decoded.trace, len(decoded.ids)
    columns = zip(
        _entries(trace.source, count),
        _entries(trace.copied, count),
        _entries(trace.copy_gate, count),
        _entries(trace.context_gate, count),
        _entries(trace.regions, count),
        _entries(trace.kept, count),
        strict=True,
    )
    found = zip(decoded.log_probabilities, columns, strict=True)
    return tuple(
        WordEvidence(math.exp(log_probability), *column) for log_probability, column in found
    )


def _entries(tensor: Tensor | None, count: int) -> Sequence[Any]:
    if tensor is None:
        return [None] * count
    return [tuple(each) if isinstance(each, list) else each for each in tensor.tolist()]
