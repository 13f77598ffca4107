"""Why one class won over another: which of the concepts that an image shows speak for which."""

from collections.abc import Sequence
from dataclasses import dataclass

from seewhy.methods.mutual_knowledge.overlap import Overlap, compare_lists


@dataclass(frozen=True)
class ClassContrast:
    """Ids of concepts, each in one list, those of the image in its order of relevance.

    Of what the image shows: expected of both classes, of the winner alone, of the rival alone, of
    neither. `missing` is what only the rival is expected to have and the image does not show.
    """

    both: tuple[int, ...]
    winner: tuple[int, ...]
    rival: tuple[int, ...]
    neither: tuple[int, ...]
    missing: tuple[int, ...]


def contrast_classes(
    vision: Sequence[int], *, winner: Sequence[int], rival: Sequence[int]
) -> ClassContrast:
    """The image's concepts against those of two classes.

    With the true class as `rival` of a wrong winner, `rival` holds what was seen and did not
    suffice, `winner` what misled, and `missing` what was not seen.
    """
    shown, won, lost = dict.fromkeys(vision), set(winner), dict.fromkeys(rival)
    return ClassContrast(
        both=tuple(number for number in shown if number in won and number in lost),
        winner=tuple(number for number in shown if number in won and number not in lost),
        rival=tuple(number for number in shown if number in lost and number not in won),
        neither=tuple(number for number in shown if number not in won and number not in lost),
        missing=tuple(number for number in lost if number not in won and number not in shown),
    )


def compare_classes(
    vision: Sequence[int], language: Sequence[Sequence[int]], *, concepts: int
) -> tuple[Overlap, ...]:
    """What an image's concepts share with those of each class, such as the runners-up."""
    return tuple(compare_lists(vision, row, concepts=concepts) for row in language)
