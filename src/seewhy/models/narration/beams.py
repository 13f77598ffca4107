"""The likeliest sentence, searched for with several beginnings of each at a time."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.models.narration.cached import CachedDecoder
from seewhy.models.narration.choosing import allowed
from seewhy.models.narration.narrations import DecodingOptions, Draft

_Item = TypeVar("_Item")


class _Grown(NamedTuple):
    """A beam with one token more, and where it looked for it."""

    beam: int
    token: int
    log_probability: float
    looked: Float[Tensor, "heads patches"] | None


@dataclass
class _Search:
    """The search for one sentence: beginnings that go on, and the best ones that ended."""

    alive: list[Draft]
    options: DecodingOptions
    ended: list[Draft] = field(default_factory=list)

    def score(self, draft: Draft) -> float:
        """The log-probability over the number of choices, to the power of the penalty."""
        choices = len(draft.ids) + (draft.ending is not None)
        return draft.log_probability / math.pow(max(choices, 1), self.options.length_penalty)

    @property
    def best(self) -> Draft:
        """Of those that ended, or were cut by the limit."""
        return max(self.ended, key=self.score)

    def advance(self, grown: list[_Grown]) -> list[int]:
        """Take the best continuations; returns which beam each living one grew from.

        Empty where the search is over: every beam reached the limit, or none that lives can
        become better than the best that ended.
        """
        alive: list[Draft] = []
        parents: list[int] = []
        for rank, each in enumerate(grown):
            draft = self.alive[each.beam].copy()
            draft.take(each.token, each.log_probability, looked=each.looked)
            if draft.is_done:
                # An end that comes behind the beams would not have been looked at.
                self.ended += [draft] if rank < self.options.beams else []
            elif len(alive) < self.options.beams:
                alive.append(draft)
                parents.append(each.beam)
        self.alive = alive
        return parents if alive and self._can_improve() else []

    def _can_improve(self) -> bool:
        """Whether a living beam could still end better than what has ended."""
        if not self.ended:
            return True
        most = max(draft.log_probability for draft in self.alive)
        choices = self.alive[0].limit if self.options.length_penalty > 0 else len(self.alive[0].ids)
        bound = most / math.pow(choices, self.options.length_penalty)
        return bound > self.score(self.best)


def beam_search(decoder: CachedDecoder, written: list[Draft], options: DecodingOptions) -> None:
    """Finish each draft as the best sentence found, by log-probability over length.

    `decoder` holds a row for each. With as many beams as there are sentences this is the best
    sentence of all; with one and no length penalty it is the greedy one.
    """
    searches = [_Search([draft.copy()], options) for draft in written]
    held, width = searches, 1
    while True:
        candidates = _candidates(decoder, held, options)
        parents = [search.advance(grown) for search, grown in zip(held, candidates, strict=True)]
        left = [place for place, each in enumerate(parents) if each]
        if not left:
            break
        decoder.keep(
            [place * width + beam for place in left for beam in _filled(parents[place], options)]
        )
        if len(left) < len(held):
            decoder.keep_images(left)
        held, width = [held[place] for place in left], options.beams
        rows = [draft for search in held for draft in _filled(search.alive, options)]
        decoder.step([draft.ids[-1] for draft in rows], explains=[each.explains for each in rows])
    for draft, search in zip(written, searches, strict=True):
        draft.become(search.best)


def _filled(items: list[_Item], options: DecodingOptions) -> list[_Item]:
    """As many as there are beams: every image has the same number of rows, if need be idle ones."""
    return items + items[:1] * (options.beams - len(items))


def _candidates(
    decoder: CachedDecoder, held: list[_Search], options: DecodingOptions
) -> list[list[_Grown]]:
    """The best continuations of each search, twice as many as beams, as a beam may end in one."""
    scores = allowed(decoder.scores(), held[0].alive[0].marks)
    images, width, vocabulary = len(held), len(scores) // len(held), scores.shape[1]
    idle = [-torch.inf] * width
    totals = torch.tensor(
        [[*(draft.log_probability for draft in search.alive), *idle][:width] for search in held],
        device=scores.device,
    )
    summed = (totals[:, :, None] + scores.view(images, width, vocabulary)).flatten(1)
    best = summed.topk(min(2 * options.beams, summed.shape[1]))
    own = scores.view(images, -1).gather(1, best.indices)
    found = zip(best.values.tolist(), best.indices.tolist(), own.tolist(), strict=True)
    return [
        [
            _Grown(
                place // vocabulary,
                place % vocabulary,
                log_probability,
                decoder.looked_of(image * width + place // vocabulary),
            )
            for total, place, log_probability in zip(*each, strict=True)
            if total > -torch.inf
        ]
        for image, each in enumerate(found)
    ]
