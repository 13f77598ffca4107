"""Embeddings of many images, kept by what is in the images: a file that moves is known again."""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from tqdm import tqdm

from seewhy.base.axes import OnePixels
from seewhy.base.errors import DataError
from seewhy.data.listing import content_digest
from seewhy.data.records import Failure, ImageRecord
from seewhy.models.guard import inference
from seewhy.models.identity import model_digest
from seewhy.models.image_encoders import ImageEncoder, RawEmbeddings
from seewhy.passes.loading import load_images
from seewhy.passes.runner import run_batches
from seewhy.passes.shards import Part
from seewhy.passes.store import Store

PIECE = 512
"""The most images that an interruption loses."""

Embedding = Float[np.ndarray, " embed"]


@dataclass(frozen=True, eq=False)
class EmbeddedImages:
    """What could be embedded, in the order of the records, and what could not.

    `contents` are digests of the images: equal ones are the same image. `made` counts embeddings
    that were not kept from an earlier run.
    """

    records: tuple[ImageRecord, ...]
    contents: tuple[str, ...]
    embeddings: Float[np.ndarray, "_ _"]
    failures: tuple[Failure, ...]
    made: int


def embed_images(
    encoder: ImageEncoder,
    records: Sequence[ImageRecord],
    store: Store,
    *,
    batch_size: int = 16,
    progress: bool = False,
) -> EmbeddedImages:
    """Embeddings in float32, not of unit length; those of a held store are used and added to.

    An image that cannot be read or has no finite embedding is a failure and costs no other.
    Equal contents are embedded once.
    """
    contents = [content_digest(each) for each in records]
    digest = model_digest(encoder)
    kept = dict(_kept(store, digest))
    missing = {
        content: record
        for content, record in zip(contents, records, strict=True)
        if content not in kept
    }
    failed: dict[str, Failure] = {}
    waiting = list(missing.items())
    # The delay keeps runs of less than two seconds silent.
    hidden = not progress or sys.stderr is None
    with tqdm(total=len(waiting), desc="embed", unit="image", delay=2, disable=hidden) as bar:
        for start in range(0, len(waiting), PIECE):
            piece = dict(waiting[start : start + PIECE])
            found, lost = _embedded(encoder, piece, batch_size=batch_size, advance=bar.update)
            _keep(store, digest, found)
            kept |= found
            failed |= lost
    used = [index for index, content in enumerate(contents) if content in kept]
    rows = [kept[contents[index]] for index in used]
    return EmbeddedImages(
        tuple(records[index] for index in used),
        tuple(contents[index] for index in used),
        np.stack(rows) if rows else np.zeros((0, 0), dtype=np.float32),
        tuple(
            Failure(record.id, failed[content].code, failed[content].message)
            for content, record in zip(contents, records, strict=True)
            if content in failed
        ),
        made=len(missing) - len(failed),
    )


def _embedded(
    encoder: ImageEncoder, piece: dict[str, ImageRecord], *, batch_size: int, advance: Any
) -> tuple[dict[str, Embedding], dict[str, Failure]]:
    """By content."""
    content_of = {record.id: content for content, record in piece.items()}

    def embed(_ids: Sequence[str], pixels: Sequence[OnePixels]) -> RawEmbeddings:
        found = torch.cat([encoder.embed(group) for group in _stacked(pixels)]).cpu()
        if not found.isfinite().all():
            raise DataError(
                "non_finite",
                f"{encoder.name} gives NaN or infinity for it. Check the weights, or use float32.",
            )
        advance(len(pixels))
        return found

    with inference(encoder.module):
        result = run_batches(
            load_images(list(piece.values()), lambda _, image: encoder.preprocess(image)),
            embed,
            batch_size=batch_size,
        )
    rows = (row for output in result.outputs for row in output.numpy())
    found = dict(zip((content_of[identity] for identity in result.ids), rows, strict=True))
    return found, {content_of[each.id]: each for each in result.failures}


def _stacked(pixels: Sequence[OnePixels]) -> Iterator[torch.Tensor]:
    """One batch where all are of one size, else each by itself."""
    if len({each.shape for each in pixels}) == 1:
        yield torch.stack(list(pixels))
    else:
        yield from (each[None] for each in pixels)


def _keep(store: Store, digest: str, found: dict[str, Embedding]) -> None:
    if found:
        contents = list(found)
        key = hashlib.sha256("\n".join((digest, *contents)).encode()).hexdigest()
        arrays = {"embeddings": np.stack(list(found.values()))}
        store.save(key, Part(arrays, {"encoder": digest, "contents": contents}))


def _kept(store: Store, digest: str) -> Iterator[tuple[str, Embedding]]:
    for key in store.found_keys():
        part = store.load(key)
        if part is not None and part.facts.get("encoder") == digest:
            yield from zip(part.facts["contents"], part.arrays["embeddings"], strict=True)
