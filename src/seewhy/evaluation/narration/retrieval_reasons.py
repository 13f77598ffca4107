"""The reasons that a narrator gives for the nearest inputs of each query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.data.narration.records import NarrationRecord
from seewhy.evaluation.narration.retrieval_files import Direction
from seewhy.evaluation.narration.retrieving import Asked, narrated
from seewhy.models.guard import inference
from seewhy.models.narration.decoding import narrate
from seewhy.models.narration.narrations import DecodingOptions
from seewhy.models.narration.narrator import Narrator

_GREEDY = DecodingOptions()


def narrator_reasons(
    retrieved: Mapping[str, Sequence[str]],
    records: Sequence[NarrationRecord],
    narrator: Narrator,
    *,
    direction: Direction,
    options: DecodingOptions = _GREEDY,
    batch_size: int = 32,
) -> dict[str, list[str]]:
    """The reason for each query with each of its inputs; each different pair is asked once.

    `records` are those that the inputs were retrieved from. A question is asked as that of its
    image was. Raises `UsageError` for an image that no record has, and `DataError` for one that
    cannot be read.
    """
    asking = _Asking(narrator, {record.images[0]: record for record in records}, options)

    def told(pairs: Sequence[Asked]) -> list[str]:
        # Pairs of the same image are side by side, so that it is seen once or twice.
        order = sorted(range(len(pairs)), key=lambda place: pairs[place][0])
        found = [""] * len(pairs)
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            reasons = asking.reasons([pairs[place] for place in places])
            for place, reason in zip(places, reasons, strict=True):
                found[place] = reason
        return found

    return narrated(retrieved, told, direction=direction)


@dataclass(frozen=True, eq=False)
class _Asking:
    narrator: Narrator
    records: Mapping[str, NarrationRecord]
    options: DecodingOptions

    def reasons(self, pairs: Sequence[Asked]) -> list[str]:
        narrator = self.narrator
        images = list(dict.fromkeys(image for image, _ in pairs))
        pixels = torch.stack([narrator.preprocess(self._image(name)) for name in images])
        with inference(narrator):
            seen = narrator.image_tokens(pixels.to(narrator.device))
            tokens = seen[[images.index(image) for image, _ in pairs]]
            prompts = [narrator.prompt(self._asked(*pair)) for pair in pairs]
            found = narrate(narrator, tokens, prompts, self.options)
        return [each.explanation for each in found]

    def _image(self, name: str) -> Image.Image:
        read = self._record(name).read
        if read is None:
            raise UsageError(f"the record of the image {name!r} has none that can be read.")
        return read()

    def _record(self, image: str) -> NarrationRecord:
        record = self.records.get(image)
        if record is None:
            raise UsageError(
                f"no question is about the image {image!r}. Give the questions that the inputs "
                "were retrieved from, and the same direction."
            )
        return record

    def _asked(self, image: str, question: str | None) -> NarrationRecord:
        record = self._record(image)
        return record if question is None else replace(record, question=question)
