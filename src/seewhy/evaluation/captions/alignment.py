"""Which word of a text stands for which word of a reference, by METEOR's rule."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from seewhy.evaluation.captions.stems import english_stem

BEAM = 40
EXACT_WORTH, OTHER_WORTH = 1.0, 0.5


@dataclass(frozen=True)
class Match:
    """A word of the text and one of the reference, by their places."""

    candidate: int
    reference: int
    exact: bool


@dataclass(frozen=True)
class _Path:
    """An alignment of the reference's first words; `used` holds a bit per word of the text."""

    worth: float = 0.0
    chunks: int = 0
    distance: int = 0
    used: int = 0
    last: int | None = None
    matches: tuple[Match, ...] = ()

    @property
    def rank(self) -> tuple[float, int, int]:
        return -self.worth, self.chunks, self.distance

    def after(self, match: Match) -> "_Path":
        return _Path(
            self.worth + (EXACT_WORTH if match.exact else OTHER_WORTH),
            self.chunks + (self.last is None or match.candidate != self.last + 1),
            self.distance + abs(match.candidate - match.reference),
            self.used | 1 << match.candidate,
            match.candidate,
            (*self.matches, match),
        )

    def skipping(self) -> "_Path":
        return _Path(self.worth, self.chunks, self.distance, self.used, None, self.matches)


def aligned(candidate: Sequence[str], reference: Sequence[str]) -> tuple[Match, ...]:
    """One-to-one matches of equal words or equal stems.

    Of all such the one that is worth most (an equal stem half), then the one in the fewest
    chunks, then with the shortest ways; searched with a beam of 40, so that very long texts may
    get a lesser one.
    """
    options = _options(candidate, reference)
    rivals = Counter(match.candidate for choices in options for match in choices)
    paths = [_Path()]
    for choices in options:
        if len(choices) == 1 and rivals[choices[0].candidate] == 1:
            # Neither word has another use, so leaving them apart is worth less in every case.
            paths = [path.after(choices[0]) for path in paths]
        elif choices:
            paths = _advanced(paths, choices)
        else:
            paths = [path.skipping() for path in paths]
    return min(paths, key=lambda path: path.rank).matches


def chunks(matches: Sequence[Match]) -> int:
    """Runs of matches whose words are neighbours in order in both texts."""
    places = [(match.candidate, match.reference) for match in matches]
    breaks = (after != (before[0] + 1, before[1] + 1) for before, after in pairwise(places))
    return sum(breaks) + bool(places)


def _options(candidate: Sequence[str], reference: Sequence[str]) -> list[list[Match]]:
    places: dict[str, list[int]] = {}
    for place, word in enumerate(candidate):
        places.setdefault(english_stem(word), []).append(place)
    return [
        [
            Match(place, other, candidate[place] == word)
            for place in places.get(english_stem(word), ())
        ]
        for other, word in enumerate(reference)
    ]


def _advanced(paths: Sequence[_Path], choices: Sequence[Match]) -> list[_Path]:
    """The best path to each state; what the rest of a path can gain depends on its state alone."""
    best: dict[tuple[int, int | None], _Path] = {}
    for path in paths:
        further = [path.after(each) for each in choices if not path.used >> each.candidate & 1]
        for new in (*further, path.skipping()):
            state = (new.used, new.last)
            if state not in best or new.rank < best[state].rank:
                best[state] = new
    return sorted(best.values(), key=lambda path: path.rank)[:BEAM]
