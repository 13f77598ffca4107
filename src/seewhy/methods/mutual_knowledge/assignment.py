"""Which texts of a bank go with which part of an image."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import TextEmbeddings
from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.protocols import Protocol
from seewhy.methods.mutual_knowledge.transport import centred, sinkhorn

Ranking = Literal["transport", "centred", "similarity", "added"]
Relevance = Literal["near-mean", "above-median", "any"]
Scores = Float[Tensor, "parts texts"]
Ids = Int[Tensor, " candidates"]

SCALE = 2.5
"""The factor of CLIPScore, on similarities before a transport and on relevance."""

_DECIMALS = 9
_BETWEEN_PARTS = ("transport", "centred")


@dataclass(frozen=True)
class Assigning:
    """How texts are chosen for the parts of an image.

    Candidates are the texts among the `preselected` nearest of every part, of which those are
    kept that are relevant to the whole image: "near-mean" are those above the candidates' mean
    cosine less `offset` (the published code), "above-median" those above their median plus
    `offset` (the paper's words). Each part then takes its `texts` best by "transport",
    "centred", its first-order form, by plain "similarity", or by what the part adds: its
    similarity less that of its image without any part ("added", for parts that are shown alone).
    For the last two the whole bank are candidates.

    With too few candidates the preselection is doubled until there are enough, then relevance
    is loosened by doubling offsets until enough are relevant; a single part takes its most
    similar texts. "published" does nothing of this: it refuses where the published code fails,
    and among the equal shares that a transport gives a single part the lower ids win.
    """

    ranking: Ranking = "transport"
    texts: int = 3
    preselected: int = 500
    relevance: Relevance = "near-mean"
    offset: float = 0.02
    sharpness: float = 1.0
    protocol: Protocol = "mended"

    def __post_init__(self) -> None:
        if min(self.texts, self.preselected) < 1:
            raise UsageError(
                f"a part takes at least one text out of at least one; got texts={self.texts} and "
                f"preselected={self.preselected}."
            )


@dataclass(frozen=True, eq=False)
class Candidates:
    """Ids of texts, ascending, and what it took to have enough of them.

    `preselected` and `offset` are those used; without an offset relevance was not asked for, or
    could not be.
    """

    ids: Ids
    preselected: int
    offset: float | None


@dataclass(frozen=True, eq=False)
class RankedTexts:
    """Distinct texts by their relevance to the whole image, 2.5 times a cosine, highest first.

    The mean is NaN where there is no text.
    """

    ids: Ids
    scores: Float[Tensor, " texts"]

    @property
    def mean(self) -> float:
        """The mean score."""
        return float(self.scores.mean())


@dataclass(frozen=True, eq=False)
class PartTexts:
    """The texts of an image's parts and how they were found.

    `ids` has a row for each part, best first, and `values` what they were ranked by, over the
    candidates: shares of the transport, differences from the expected, or 2.5 times cosines or
    differences of cosines.
    `ranking` is the one used. `rounds` and `has_converged` are the transport's, if any.
    """

    ids: Int[Tensor, "parts best"]
    values: Float[Tensor, "parts candidates"]
    candidates: Candidates
    ranked: RankedTexts
    ranking: Ranking
    rounds: int | None = None
    has_converged: bool | None = None


@dataclass(frozen=True, eq=False)
class Bank:
    """Unit embeddings of a bank's texts: in the template that parts are compared with, and raw."""

    shown: TextEmbeddings
    raw: TextEmbeddings


def assigned_texts(
    parts: Float[Tensor, "parts embed"],
    images: Float[Tensor, "images embed"],
    *,
    owners: Int[Tensor, " parts"],
    bank: Bank,
    how: Assigning,
    blanks: Float[Tensor, "images embed"] | None = None,
) -> Iterator[PartTexts]:
    """The texts of each image's parts, one image after the other.

    `parts` are means of the embeddings of prompts, whose length counts; `images`, those of whole
    images, may have any. `owners` are the images of the parts, `blanks` unit embeddings of the
    images without their parts. In double precision; what differs by less than 1e-9 is equal,
    and of equals the lower id wins.
    """
    if not len(bank.shown):
        raise UsageError("the bank has no texts; give it at least one.")
    similar = _products(parts, bank.shown)
    absent = None if blanks is None else _products(blanks, bank.shown)
    relevant = _products(
        functional.normalize(images, dim=-1), functional.normalize(bank.raw, dim=-1)
    )
    homes = owners.cpu()
    for image, relevance in enumerate(relevant):
        absence = None if absent is None else absent[image]
        yield part_texts(similar[homes == image], relevance, how=how, absent=absence)


def part_texts(
    similar: Scores,
    relevant: Float[Tensor, " texts"],
    *,
    how: Assigning,
    absent: Float[Tensor, " texts"] | None = None,
) -> PartTexts:
    """The same of one image, from similarities of its parts and relevance of all texts.

    `absent` are the similarities of the image without its parts, which "added" needs.
    """
    candidates = found_candidates(similar, relevant, how=how)
    if how.protocol == "mended" and len(similar) == 1 and how.ranking in _BETWEEN_PARTS:
        how = replace(how, ranking="similarity")
    scores = SCALE * similar[:, candidates.ids]
    rounds = has_converged = None
    match how.ranking:
        case "transport":
            transport = sinkhorn(scores, sharpness=how.sharpness)
            rounds, has_converged = int(transport.rounds), bool(transport.has_converged)
            values = transport.plan
        case "centred":
            values = centred(scores, sharpness=how.sharpness)
        case "similarity":
            values = scores
        case "added":
            values = _added(scores, absent, candidates.ids)
    ids = candidates.ids[_descending(values)[:, : how.texts]]
    return PartTexts(
        ids, values, candidates, ranked_texts(ids, relevant), how.ranking, rounds, has_converged
    )


def _added(scores: Scores, absent: Float[Tensor, " texts"] | None, ids: Ids) -> Scores:
    if absent is None:
        raise UsageError("ranking 'added' needs the image without its parts; show parts alone.")
    return scores - SCALE * absent[ids]


def found_candidates(
    similar: Scores, relevant: Float[Tensor, " texts"], *, how: Assigning
) -> Candidates:
    """Texts near to every part and relevant to the image, enough of them if there are.

    Without a part there is no candidate. Raises `UsageError` for too few with "published".
    """
    if not len(similar):
        return Candidates(torch.zeros(0, dtype=torch.long), how.preselected, None)
    if how.ranking not in _BETWEEN_PARTS:
        return Candidates(torch.arange(similar.shape[1]), similar.shape[1], None)
    chosen = _preselected(similar, how)
    if how.relevance == "any" or (how.protocol == "mended" and len(chosen.ids) <= how.texts):
        found = chosen
    else:
        found = _relevant(chosen, relevant[chosen.ids], how)
    if how.protocol == "published" and len(found.ids) < how.texts:
        raise UsageError(
            f"{len(found.ids)} texts are among the {how.preselected} nearest of all "
            f"{len(similar)} parts and relevant, fewer than the {how.texts} wanted for each. The "
            "published procedure fails here: preselect more, or take protocol='mended'."
        )
    return found


def ranked_texts(ids: Int[Tensor, "parts best"], relevant: Float[Tensor, " texts"]) -> RankedTexts:
    """Each text once, the highest relevance first; of equals the one that came first in `ids`."""
    distinct = torch.tensor(list(dict.fromkeys(ids.flatten().tolist())), dtype=torch.long)
    scores = SCALE * relevant[distinct]
    order = _descending(scores)
    return RankedTexts(distinct[order], scores[order])


def _preselected(similar: Scores, how: Assigning) -> Candidates:
    size = similar.shape[1]
    order = _descending(similar)
    count = min(how.preselected, size)
    while True:
        ids = _shared(order[:, :count], size)
        if len(ids) >= min(how.texts, size) or how.protocol == "published":
            return Candidates(ids, count, None)
        count = min(2 * count, size)


def _shared(chosen: Int[Tensor, "parts count"], size: int) -> Ids:
    """Ids that are in every row."""
    found = torch.bincount(chosen.flatten(), minlength=size)
    return (found == len(chosen)).nonzero().flatten()


def _relevant(chosen: Candidates, relevant: Float[Tensor, " texts"], how: Assigning) -> Candidates:
    """The relevant of the chosen; with "mended" at least as many as a part takes."""
    offset: float | None = how.offset
    while offset is not None:
        is_kept = _is_relevant(relevant, offset, how.relevance)
        if int(is_kept.sum()) >= how.texts or how.protocol == "published":
            return replace(chosen, ids=chosen.ids[is_kept], offset=offset)
        offset = _looser(offset, how.relevance)
    return chosen


def _is_relevant(
    relevant: Float[Tensor, " texts"], offset: float, rule: Relevance
) -> Bool[Tensor, " texts"]:
    if not len(relevant):
        return relevant > 0
    if rule == "near-mean":
        return relevant > relevant.mean() - offset
    return relevant > relevant.quantile(0.5) + offset


def _looser(offset: float, rule: Relevance) -> float | None:
    """Twice as far below the mean, half as far above the median; none once that says nothing."""
    following = 2 * offset if rule == "near-mean" else offset / 2
    return following if 1e-3 < following < 2 else None


def _products(first: Float[Tensor, "rows embed"], second: TextEmbeddings) -> Scores:
    return (first.double() @ second.double().T).cpu()


def _descending(values: Float[Tensor, "*rows texts"]) -> Int[Tensor, "*rows texts"]:
    return values.round(decimals=_DECIMALS).argsort(dim=-1, descending=True, stable=True)
