"""What an editor's trace says of each word and of each edit."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from seewhy.mending.entries import EditEvidence, ScriptWord, Sight, SourceWord
from seewhy.models.editing.alignment import Operation
from seewhy.models.editing.edits import Edit, WordEvidence
from seewhy.models.editing.features import ImageFeatures

MOST_READ, MOST_SEEN = 3, 3

Weights = Float[np.ndarray, " regions"]
Size = tuple[int, int]


def script_word(
    operation: Operation, edit: Edit, features: ImageFeatures, *, size: Size
) -> ScriptWord:
    """What became of a word, and what the network read and saw when it wrote the new one.

    `size` is the image's width and height.
    """
    plain = ScriptWord(kind=operation.kind, old=operation.old, new=operation.new)
    if operation.target is None:
        return plain
    found = edit.evidence[operation.target]
    return plain.model_copy(
        update={
            "probability": found.probability,
            "read": _read(found, edit.read),
            "memory": _memory(found, edit.read),
            "copy_gate": found.copy_gate,
            "context_gate": found.context_gate,
            "kept": found.kept,
            "seen": _seen(found, features, size),
        }
    )


def edit_evidence(
    run: Sequence[int], script: Sequence[ScriptWord], *, gain: float | None
) -> EditEvidence:
    """The words of an edit together; its probability is that of all its new words in turn."""
    words = [script[place] for place in run]
    old, new = (
        " ".join(text for text in texts if text is not None)
        for texts in ([each.old for each in words], [each.new for each in words])
    )
    written = [each.probability for each in words if each.probability is not None]
    return EditEvidence(
        kind="replace" if old and new else "insert" if new else "delete",
        old=old,
        new=new,
        script=list(run),
        probability=float(np.prod(written)) if written else None,
        gain=gain,
        picture=None,
    )


def mean_look(run: Sequence[int], script: Sequence[Operation], edit: Edit) -> Weights | None:
    """The mean attention to regions when the words of an edit were written, if there was any."""
    written = [
        edit.evidence[target] for place in run if (target := script[place].target) is not None
    ]
    found = [each.regions for each in written if each.regions is not None]
    return np.mean(found, axis=0) if found else None


def pixel_box(features: ImageFeatures, place: int, size: Size) -> tuple[int, int, int, int] | None:
    """A region in pixels of an image of this width and height; at least one pixel each way."""
    if features.boxes is None:
        return None
    left, top, right, bottom = features.boxes[place].tolist()
    width, height = size
    x, y = min(round(left * width), width - 1), min(round(top * height), height - 1)
    return x, y, max(round(right * width), x + 1), max(round(bottom * height), y + 1)


def _read(found: WordEvidence, words: Sequence[str]) -> list[SourceWord]:
    weights = found.source or ()
    return [
        SourceWord(place=place, word=words[place], weight=weights[place])
        for place in _highest(weights, MOST_READ)
    ]


def _memory(found: WordEvidence, words: Sequence[str]) -> SourceWord | None:
    if found.copied is None:
        return None
    weight = found.source[found.copied] if found.source else 1.0
    return SourceWord(place=found.copied, word=words[found.copied], weight=weight)


def _seen(found: WordEvidence, features: ImageFeatures, size: Size) -> list[Sight]:
    weights = found.regions or ()
    return [
        Sight(number=place, box=pixel_box(features, place, size), weight=weights[place])
        for place in _highest(weights, MOST_SEEN)
    ]


def _highest(weights: Sequence[float], most: int) -> list[int]:
    return sorted(range(len(weights)), key=lambda place: -weights[place])[:most]
