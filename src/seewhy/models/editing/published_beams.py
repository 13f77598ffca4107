"""The published beam search: one image at a time, with all that it does wrong.

Source: Show, Edit and Tell (CVPR 2020) and Look and Modify (BMVC 2019), the public code's
evaluation. It is the reference for the faster search, which finds the same captions where they
finish: see `decoding`.
"""

from dataclasses import dataclass

import torch

from seewhy.base.errors import UsageError
from seewhy.models.editing.decoded import (
    Decoded,
    Hypothesis,
    Paths,
    WordMarks,
    full_scores,
    told,
)
from seewhy.models.editing.stepping import EditInputs, EditorNetwork, StepTrace

STEPS = 51
"""After so many the published search gives up."""


@dataclass(frozen=True)
class PublishedFind:
    """What the search ends with.

    `tokens` begin with the start and hold the end where the caption is finished.
    `finished_scores` are sums of log-probabilities, in the order in which hypotheses finished.
    After an overflow `tokens` are the first living hypothesis, cut, whatever has finished.
    """

    tokens: tuple[int, ...]
    finished_scores: tuple[float, ...]
    overflow: bool
    decoded: Decoded


@torch.inference_mode()
def published_search(
    network: EditorNetwork, inputs: EditInputs, marks: WordMarks, *, beams: int = 3, cut: int = 18
) -> PublishedFind:
    """The finished caption with the highest sum of log-probabilities; the earliest of equals.

    No word is forbidden, and the beam shrinks with each caption that ends. `cut` is the number of
    tokens, the start included, that are left of a caption that does not end (Look and Modify: 20).
    Raises `UsageError` for other than one row.
    """
    if len(inputs) != 1:
        raise UsageError(f"the published search takes one image at a time; these are {len(inputs)}")
    encoded = network.encode(inputs)
    state = network.begin(encoded)
    device = inputs.lengths.device
    words, totals = torch.tensor([marks.start], device=device), torch.zeros(1, device=device)
    paths = Paths.empty(1, device=device)
    found: list[Hypothesis] = []
    traces: list[StepTrace] = []
    width = beams
    while width and len(traces) < STEPS:
        step = network.step(words, state, encoded)
        traces.append(step.trace)
        own = full_scores(step.scores).log_softmax(dim=-1)
        ranked = (totals[:, None] + own).flatten().topk(min(width, own.numel()))
        parents, words = ranked.indices // own.shape[1], ranked.indices % own.shape[1]
        chosen = own[parents, words]
        for rank in (words == marks.end).nonzero()[:, 0].tolist():
            found.append(paths.hypothesis(int(parents[rank]), ending=float(chosen[rank])))
            width -= 1
        living = (words != marks.end).nonzero()[:, 0]
        parents, words, totals = parents[living], words[living], ranked.values[living]
        state = step.state.take(parents)
        paths = paths.grown(parents, words, chosen[living])
    best = _first(paths, cut) if width else max(found, key=lambda each: each.log_probability)
    ((decoded,),) = told([[best]], traces, inputs)
    end = () if width else (marks.end,)
    return PublishedFind(
        (marks.start, *decoded.ids, *end),
        tuple(each.log_probability for each in found),
        bool(width),
        decoded,
    )


def _first(paths: Paths, cut: int) -> Hypothesis:
    """The first living hypothesis without what is beyond the cut."""
    whole, words = paths.hypothesis(0, ending=None), cut - 1
    return Hypothesis(
        whole.words[:words], whole.log_probabilities[:words], whole.places[:words], None
    )
