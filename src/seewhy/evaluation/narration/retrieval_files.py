"""The files of the retrieval attack: the nearest inputs of each query, and the reasons for them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.evaluation.captions.files import checked, read_json
from seewhy.results.files import write_json

Direction = Literal["i2t", "t2i", "i2i"]
"""From an image to questions, from a question to images, or from an image to images."""

WANTED = "an object of lists of texts by query, best first"
REASONS = (
    'a list of {"query", "input", "explanation"}, one for each of the nearest inputs of each query'
)


class _Lists(RootModel[dict[str, list[str]]]):
    pass


class _Reason(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    query: str
    one: str = Field(alias="input")
    explanation: str


class _Reasons(RootModel[list[_Reason]]):
    pass


def retrieval_name(direction: Direction, dataset: str) -> str:
    """The name of the published file."""
    return f"retrieval_attack_data_{direction}_{dataset}.json"


def read_retrieved(path: Path, *, least: int) -> dict[str, list[str]]:
    """The nearest inputs of each query: names of images, or questions; best first.

    Raises `UsageError` for another file, for none, and for a query with less than `least`.
    """
    found = checked(_Lists, read_json(path), path=path, wanted=WANTED).root
    short = [query for query, nearest in found.items() if len(nearest) < least]
    if short or not found:
        raise UsageError(
            f"{shown(path)}: {len(short)} of {len(found)} queries have fewer than {least} inputs"
            f"{', such as ' + short[0] if short else ''}. Wanted is {WANTED}, or choose lower cuts."
        )
    return found


def write_retrieved(
    folder: Path, retrieved: Mapping[str, Sequence[str]], *, direction: Direction, dataset: str
) -> Path:
    """Write the published file; returns its path."""
    path = folder / retrieval_name(direction, dataset)
    return write_json(path, {query: list(nearest) for query, nearest in retrieved.items()})


def read_reasons(path: Path, retrieved: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The reason for each of the nearest inputs of each query, in their order.

    An input that comes twice for a query has one reason. Raises `UsageError` where one is missing
    or comes with two texts.
    """
    entries = checked(_Reasons, read_json(path), path=path, wanted=REASONS).root
    known: dict[tuple[str, str], str] = {}
    for each in entries:
        place = (each.query, each.one)
        if known.setdefault(place, each.explanation) != each.explanation:
            raise UsageError(
                f"{shown(path)} has two reasons for {each.one!r} of the query {each.query!r}. "
                "Keep one."
            )
    missing = [
        (query, one)
        for query, nearest in retrieved.items()
        for one in nearest
        if (query, one) not in known
    ]
    if missing:
        raise UsageError(
            f"{shown(path)} lacks the reasons for {len(missing)} inputs, such as "
            f"{missing[0][1]!r} of the query {missing[0][0]!r}. Wanted is {REASONS}."
        )
    return {query: [known[query, one] for one in nearest] for query, nearest in retrieved.items()}


def write_reasons(
    path: Path, retrieved: Mapping[str, Sequence[str]], reasons: Mapping[str, Sequence[str]]
) -> Path:
    """Write reasons so that `read_reasons` finds them; returns the path."""
    return write_json(
        path,
        [
            {"query": query, "input": one, "explanation": reason}
            for query, nearest in retrieved.items()
            for one, reason in zip(nearest, reasons[query], strict=True)
        ],
    )
