"""The likeliest captions of many images, searched for together with several beginnings of each.

Source of the search: Show, Edit and Tell (Sammani and Melas-Kyriazi, CVPR 2020): a beginning that
ends leaves its beam, which shrinks by it. What differs from the published one is in `decoding`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.models.editing.decoded import Decoded, Hypothesis, Paths, full_scores, told
from seewhy.models.editing.stepping import EditInputs, EditorNetwork, Rows, StepTrace


@dataclass(frozen=True)
class SearchRules:
    """Which words may come, and which caption is the best.

    `forbidden` words never come, nor one that repeats a run of `no_repeat` words (0: any may).
    A caption has at most `limit` words. The `n_best` best are wanted, by log-probability over the
    number of choices to the power of `length_penalty`.
    """

    start: int
    end: int
    forbidden: tuple[int, ...] = ()
    beams: int = 3
    limit: int = 20
    length_penalty: float = 0.0
    no_repeat: int = 0
    n_best: int = 1


class _Grown(NamedTuple):
    """Beginnings with one word more, the best of each image first; minus infinity is none."""

    totals: Float[Tensor, "images beams"]
    parents: Int[Tensor, "images beams"]
    words: Int[Tensor, "images beams"]
    log_probabilities: Float[Tensor, "images beams"]

    def at(self, order: Int[Tensor, "images beams"]) -> "_Grown":
        """The same in another order within each image."""
        return _Grown(*(tensor.gather(1, order) for tensor in self))


@torch.inference_mode()
def beam_search(
    network: EditorNetwork, inputs: EditInputs, rules: SearchRules
) -> list[list[Decoded]]:
    """The best finished captions of each image, best first; of equal ones the earlier.

    Where none is finished within the limit, it is the best that was cut. The network is used in
    the mode that it is in.
    """
    search = _Search(network, inputs, rules)
    while search.held:
        search.advance()
    return told(search.best(), search.traces, inputs)


class _Search:
    """Images whose captions are not found yet, `width` rows for each; dead rows have no total."""

    def __init__(self, network: EditorNetwork, inputs: EditInputs, rules: SearchRules) -> None:
        device = inputs.lengths.device
        self.traces: list[StepTrace] = []
        self.held = list(range(len(inputs)))
        self._found: list[list[Hypothesis]] = [[] for _ in self.held]
        self._network, self._rules = network, rules
        self._encoded = network.encode(inputs)
        self._state: Rows = network.begin(self._encoded)
        self._words = torch.full((len(inputs),), rules.start, device=device)
        self._totals: Float[Tensor, "images width"] = torch.zeros((len(inputs), 1), device=device)
        self._paths = Paths.empty(len(inputs), device=device)
        self._forbidden = torch.tensor(rules.forbidden, dtype=torch.long, device=device)

    def best(self) -> list[list[Hypothesis]]:
        """Of each image the best ones; `sorted` leaves equal ones in the order they were found."""
        penalty = self._rules.length_penalty
        return [
            sorted(each, key=lambda found: -found.score(penalty))[: self._rules.n_best]
            for each in self._found
        ]

    def advance(self) -> None:
        """One word more for every image that is held."""
        step = self._network.step(self._words, self._state, self._encoded)
        self.traces.append(step.trace)
        grown = self._grown(full_scores(step.scores))
        self._take_ended(grown)
        is_living = (grown.words != self._rules.end) & (grown.totals > -torch.inf)
        totals = grown.totals.masked_fill(~is_living, -torch.inf)
        order = totals.sort(dim=1, descending=True, stable=True).indices
        living = grown._replace(totals=totals).at(order)
        counts = is_living.sum(dim=1).tolist()
        tops = living.totals[:, 0].tolist()
        is_last = len(self.traces) > self._rules.limit
        left = [
            place
            for place, (count, top) in enumerate(zip(counts, tops, strict=True))
            if count and not is_last and self._can_improve(self.held[place], top)
        ]
        self._cut_others(left)
        if left:
            self._go_on(left, living, step.state, width=max(counts[place] for place in left))
        self.held = [self.held[place] for place in left]

    def _grown(self, scores: Float[Tensor, "rows vocab"]) -> _Grown:
        """As many continuations of each image as its beam has places left."""
        rules, (images, width) = self._rules, self._totals.shape
        allowed = scores.index_fill(-1, self._forbidden, -torch.inf)
        if rules.no_repeat and self.traces[1:]:
            allowed = without_repeats(allowed, self._paths.words, run=rules.no_repeat)
        # The best of an image are among the best of its rows: no need to sum all words' scores.
        rows = allowed.topk(min(rules.beams, allowed.shape[1]))
        own = rows.values - scores.logsumexp(dim=-1, keepdim=True)
        summed = (self._totals.reshape(-1, 1) + own).view(images, -1)
        best = summed.topk(min(rules.beams, summed.shape[1]))
        first = torch.arange(images, device=scores.device)[:, None] * width
        places = torch.tensor(
            [rules.beams - len(self._found[image]) for image in self.held], device=scores.device
        )
        ranks = torch.arange(best.values.shape[1], device=scores.device)
        is_taken = (ranks < places[:, None]) & (best.values > -torch.inf)
        return _Grown(
            best.values.masked_fill(~is_taken, -torch.inf),
            first + best.indices // rows.values.shape[1],
            rows.indices.view(images, -1).gather(1, best.indices),
            own.view(images, -1).gather(1, best.indices),
        )

    def _take_ended(self, grown: _Grown) -> None:
        """Keep what has ended, in the order of its rank."""
        is_ended = (grown.words == self._rules.end) & (grown.totals > -torch.inf)
        for place, rank in is_ended.nonzero().tolist():
            ending = float(grown.log_probabilities[place, rank])
            found = self._paths.hypothesis(int(grown.parents[place, rank]), ending=ending)
            self._found[self.held[place]].append(found)

    def _can_improve(self, image: int, top: float) -> bool:
        """Whether a beginning of this total could still become one of the best."""
        rules = self._rules
        found = sorted(each.score(rules.length_penalty) for each in self._found[image])
        if len(found) < rules.n_best:
            return True
        return bool(top / (rules.limit + 1) ** rules.length_penalty > found[-rules.n_best])

    def _cut_others(self, left: list[int]) -> None:
        """Images that leave without a finished caption give the best beginning that they had."""
        tops = self._totals.argmax(dim=1).tolist()
        for place in set(range(len(self.held))).difference(left):
            found = self._found[self.held[place]]
            if not found:
                row = place * self._totals.shape[1] + tops[place]
                found.append(self._paths.hypothesis(row, ending=None))

    def _go_on(self, left: list[int], living: _Grown, state: Rows, *, width: int) -> None:
        """Hold these images alone, and of each no more rows than one of them needs."""
        images = torch.tensor(left, device=living.words.device)
        kept = _Grown(*(tensor.index_select(0, images)[:, :width] for tensor in living))
        parents, self._words = kept.parents.flatten(), kept.words.flatten()
        self._totals = kept.totals
        self._state = state.take(parents)
        self._paths = self._paths.grown(parents, self._words, kept.log_probabilities.flatten())
        if len(left) < len(self.held):
            self._encoded = self._encoded.take(images)


def without_repeats(
    scores: Float[Tensor, "rows vocab"], words: Int[Tensor, "rows length"], *, run: int
) -> Float[Tensor, "rows vocab"]:
    """Minus infinity for each word with which a row would hold the same `run` of words twice."""
    if words.shape[1] < run:
        return scores
    runs = words.unfold(1, run, 1)
    last = words[:, words.shape[1] - run + 1 :]
    is_repeat = (runs[..., :-1] == last[:, None]).all(dim=-1)
    row, place = is_repeat.nonzero(as_tuple=True)
    scores = scores.clone()
    scores[row, runs[row, place, -1]] = -torch.inf
    return scores
