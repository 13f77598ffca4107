"""The images of a gallery that are nearest to a query."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from seewhy.base.errors import DataError
from seewhy.data.listing import content_digest
from seewhy.data.records import Failure, ImageRecord
from seewhy.data.sources import ImageSource
from seewhy.methods.pairs.method import cosines
from seewhy.models.guard import inference
from seewhy.passes.image_embeddings import embed_images
from seewhy.passes.store import Store
from seewhy.similarity.asking import PairQuestion
from seewhy.similarity.settings import PairSettings


@dataclass(frozen=True)
class Neighbour:
    """An image at a place of the ranking, from 1; `similarity` is its cosine with the query."""

    record: ImageRecord
    rank: int
    similarity: float


@dataclass(frozen=True)
class Ranking:
    """All usable images of a gallery, the nearest first, and those that could not be used.

    `embedded` counts embeddings made now. `notes` are sentences.
    """

    neighbours: tuple[Neighbour, ...]
    failures: tuple[Failure, ...]
    embedded: int
    notes: tuple[str, ...] = ()


def ranked(similarities: Float[np.ndarray, " images"]) -> Int[np.ndarray, " images"]:
    """Places from the highest similarity to the lowest; equals stay in their order."""
    return np.argsort(-similarities, kind="stable")


def rank_gallery(
    question: PairQuestion,
    query: ImageRecord,
    gallery: ImageSource,
    *,
    store: Store,
    settings: PairSettings,
) -> Ranking:
    """Every image of the gallery by its cosine with the query; the query itself is left out.

    Raises `DataError` for a query that cannot be read or embedded.
    """
    found = embed_images(
        question.encoder,
        gallery.records,
        store,
        batch_size=settings.batch_size,
        progress=settings.progress,
    )
    own = content_digest(query)
    others = [place for place, content in enumerate(found.contents) if content != own]
    notes = [*gallery.notes]
    if len(others) < len(found.records):
        notes.append("The query itself is in the gallery; it is left out of its neighbours.")
    failures = (*gallery.failures, *found.failures)
    if not others:
        return Ranking((), failures, found.made, tuple(notes))
    similarities = _similarities(question, query, found.embeddings[others])
    neighbours = tuple(
        Neighbour(found.records[others[place]], rank, float(similarities[place]))
        for rank, place in enumerate(ranked(similarities).tolist(), 1)
    )
    return Ranking(neighbours, failures, found.made, tuple(notes))


def _similarities(
    question: PairQuestion, query: ImageRecord, embeddings: Float[np.ndarray, "images embed"]
) -> Float[np.ndarray, " images"]:
    pixels = question.encoder.preprocess(query.read())
    with inference(question.encoder.module):
        own = question.encoder.embed(pixels[None]).cpu()
    if not own.isfinite().all():
        raise DataError(
            "non_finite",
            f"{question.encoder.name} gives NaN or infinity for the query {query.id!r}.",
        )
    others = torch.from_numpy(embeddings)
    return cosines(others, own.expand_as(others)).numpy()
