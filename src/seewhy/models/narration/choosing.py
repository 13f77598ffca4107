"""From scores to the next token: the likeliest, or one that is drawn among the likely ones."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from seewhy.base.errors import UsageError
from seewhy.models.narration.narrations import DecodingOptions, Draft, Marks

Scores = Float[Tensor, "rows vocab"]
Draws = Float[Tensor, "rows steps"]


class Choice(NamedTuple):
    """A token per row, and the logarithm of its probability."""

    ids: Int[Tensor, " rows"]
    log_probabilities: Float[Tensor, " rows"]


def filtered_scores(scores: Scores, *, top_k: int = 0, top_p: float = 0.0) -> Scores:
    """Minus infinity for all but the `top_k` highest, then beyond the nucleus of mass `top_p`.

    The token that first exceeds the mass is kept, so at least one is. 0 turns either off.
    """
    if top_k > 0:
        least = scores.topk(min(top_k, scores.shape[-1])).values[..., -1:]
        scores = scores.masked_fill(scores < least, -torch.inf)
    if top_p > 0:
        ordered, places = scores.sort(dim=-1, descending=True)
        probabilities = ordered.softmax(dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities
        is_beyond = (before > top_p).scatter(-1, places, before > top_p)
        scores = scores.masked_fill(is_beyond, -torch.inf)
    return scores


def allowed(scores: Scores, marks: Marks) -> Scores:
    """Log-probabilities among the tokens that may come, in float32."""
    scores = scores.float()
    if marks.forbidden:
        # Not in place: the scores may be a view of what the caller keeps.
        forbidden = torch.tensor(marks.forbidden, device=scores.device)
        scores = scores.index_fill(-1, forbidden, -torch.inf)
    return scores.log_softmax(dim=-1)


def choose(
    log_probabilities: Scores, options: DecodingOptions, draws: Float[Tensor, " rows"] | None
) -> Choice:
    """The likeliest without `draws`; with them, numbers in 0..1, what they hit in the nucleus."""
    if draws is None:
        found = log_probabilities.max(dim=-1)
        return Choice(found.indices, found.values)
    scores = filtered_scores(
        log_probabilities / options.temperature, top_k=options.top_k, top_p=options.top_p
    )
    # In float64, as the sum over a large vocabulary must not lose its last tokens.
    mass = scores.double().softmax(dim=-1).cumsum(dim=-1)
    hit = torch.searchsorted(mass, draws.to(mass)[:, None] * mass[:, -1:], right=True)
    ids = hit.clamp(max=scores.shape[-1] - 1)
    return Choice(ids[:, 0], log_probabilities.gather(-1, ids)[:, 0])


def draws_for(
    written: Sequence[Draft], options: DecodingOptions, generator: Generator | None
) -> Draws | None:
    """A number in 0..1 for each token that may be drawn; None where nothing is drawn."""
    if options.method != "nucleus" or not written:
        return None
    if generator is None:
        raise UsageError("drawing sentences needs a generator: torch.Generator().manual_seed(0).")
    steps = max(draft.limit for draft in written)
    return torch.rand(len(written), steps, generator=generator, device=generator.device)
