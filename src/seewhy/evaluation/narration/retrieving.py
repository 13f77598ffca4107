"""Which inputs are near to each other as a dual encoder sees them, for the retrieval attack."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.data.narration.records import NarrationRecord
from seewhy.evaluation.narration.retrieval_files import Direction
from seewhy.models.guard import device_of
from seewhy.models.protocols import DualEncoder

NEAREST = 15

Asked = tuple[str, str | None]
"""The name of an image and a question, None where the task has none."""

Narrate = Callable[[Sequence[Asked]], Sequence[str]]
"""Gives the explanation of each pair, in their order."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Names of things of one kind with their embeddings, of unit length."""

    names: tuple[str, ...]
    embeddings: Float[Tensor, "inputs embed"]


def nearest_inputs(
    queries: Inputs,
    inputs: Inputs,
    *,
    count: int = NEAREST,
    without: Mapping[str, frozenset[str]] | None = None,
) -> dict[str, list[str]]:
    """The inputs of highest cosine with each query, best first, of equals the first.

    `without` names, per query, inputs that are passed over. Raises `UsageError` where fewer than
    `count` remain.
    """
    places = {name: place for place, name in enumerate(inputs.names)}
    found: dict[str, list[str]] = {}
    for name, embedding in zip(queries.names, queries.embeddings, strict=True):
        cosines = inputs.embeddings @ embedding
        passed = [places[each] for each in (without or {}).get(name, ()) if each in places]
        if len(places) - len(passed) < count:
            raise UsageError(
                f"{count} inputs are wanted for {name!r}, of which there are "
                f"{len(places) - len(passed)}. Give more data, or ask for fewer."
            )
        cosines[passed] = -torch.inf
        order = cosines.argsort(descending=True, stable=True)[:count]
        found[name] = [inputs.names[place] for place in order.tolist()]
    return found


def retrieved_inputs(
    records: Sequence[NarrationRecord],
    encoder: DualEncoder,
    *,
    direction: Direction,
    count: int = NEAREST,
    own: bool = True,
    batch_size: int = 32,
) -> dict[str, list[str]]:
    """For each different image or question of the records, what is nearest to it among them.

    Each different image and question is there once. With `own` False what the query came with in a
    record is passed over: its own questions or images, and for "i2i" the image itself. Raises
    `UsageError` for records without question or image, and `DataError` for unreadable images.
    """
    pairs = [_asked(record, direction) for record in records]
    images = {record.images[0]: record for record in records}
    shown = _images(images, encoder, batch_size)
    if direction == "i2i":
        itself = {name: frozenset([name]) for name in images}
        return nearest_inputs(shown, shown, count=count, without=None if own else itself)
    asked = _questions([question for _, question in pairs], encoder, batch_size)
    together = [(image, question) for image, question in pairs]
    if direction == "t2i":
        together = [(question, image) for image, question in pairs]
    queries, inputs = (shown, asked) if direction == "i2t" else (asked, shown)
    return nearest_inputs(
        queries, inputs, count=count, without=None if own else _partners(together)
    )


def narrated(
    retrieved: Mapping[str, Sequence[str]], narrate: Narrate, *, direction: Direction
) -> dict[str, list[str]]:
    """The explanation for each query with each of its inputs; each different pair is asked once."""
    pairs = {
        query: [_pair(query, one, direction) for one in nearest]
        for query, nearest in retrieved.items()
    }
    asked = list(dict.fromkeys(pair for group in pairs.values() for pair in group))
    told = narrate(asked)
    if len(told) != len(asked):
        raise UsageError(
            f"{len(asked)} pairs were to be explained and {len(told)} explanations came. Return "
            "one for each pair, in their order."
        )
    known = dict(zip(asked, told, strict=True))
    return {query: [known[pair] for pair in group] for query, group in pairs.items()}


def _pair(query: str, one: str, direction: Direction) -> Asked:
    match direction:
        case "i2t":
            return query, one
        case "t2i":
            return one, query
        case "i2i":
            return one, None


def _asked(record: NarrationRecord, direction: Direction) -> tuple[str, str]:
    if not record.images or record.read is None or (direction != "i2i" and not record.question):
        raise UsageError(
            f"record {record.id} has no image that can be read, or no question. For a task "
            "without questions choose the direction i2i."
        )
    return record.images[0], record.question or ""


def _partners(pairs: Sequence[tuple[str, str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for query, one in pairs:
        found.setdefault(query, set()).add(one)
    return {query: frozenset(each) for query, each in found.items()}


def _images(
    records: Mapping[str, NarrationRecord], encoder: DualEncoder, batch_size: int
) -> Inputs:
    every, found = list(records.values()), []
    for first in range(0, len(every), batch_size):
        batch = [
            encoder.preprocess(record.read())
            for record in every[first : first + batch_size]
            if record.read is not None
        ]
        pixels = torch.stack(batch).to(device_of(encoder.module))
        found.append(encoder.encode_images(pixels).float().cpu())
    return Inputs(tuple(records), torch.cat(found))


def _questions(texts: Sequence[str], encoder: DualEncoder, batch_size: int) -> Inputs:
    names = tuple(dict.fromkeys(texts))
    found = [
        encoder.encode_texts(list(names[first : first + batch_size])).float().cpu()
        for first in range(0, len(names), batch_size)
    ]
    return Inputs(names, torch.cat(found))
