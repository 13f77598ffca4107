"""Two images and why they are alike, as one explanation: a map over each, and their cosine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.base.versions import library_versions
from seewhy.methods.pairs.method import PairMaps, PairMethod
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.shown import Shown
from seewhy.results.explanation import Explanation
from seewhy.results.parts import Frame, Heatmap

ImagePair = tuple[Image.Image, Image.Image]

_Input = Float[Tensor, "3 _ _"]

TARGET = "the similarity of two images"
TITLES = ("First image", "Second image")


def explain_pairs(
    method: PairMethod, encoder: ImageEncoder, pairs: Sequence[ImagePair], *, frame: Frame = "image"
) -> list[Explanation]:
    """One explanation per pair of PIL images: two `Heatmap` parts, the score being the cosine.

    Maps are raw. In the frame "grid" they are as the method made them, in "input" bilinear over
    the pixels of what the encoder was given, in "image" over those of each image as it was read,
    NaN where the preprocessing cut something off. Only a `Preprocessing` has a known way back to
    the image; `UsageError` for others. Raises as `PairMethod.maps`.
    """
    _check(pairs)
    if frame == "image" and not isinstance(encoder.preprocessing, Preprocessing):
        raise UsageError(
            f"{encoder.name} has a preprocessing of its own, so where its input lies in the image "
            "is unknown. Ask for frame='input', or load the encoder by its name."
        )
    if not pairs:
        return []
    first, second = (
        [encoder.preprocess(each) for each in side] for side in zip(*pairs, strict=True)
    )
    facts = _facts(method, encoder)
    shown = (
        tuple(
            Shown(image.size, (pixels.shape[1], pixels.shape[2]), encoder.preprocessing)
            for image, pixels in zip(pair, inputs, strict=True)
        )
        for pair, inputs in zip(pairs, zip(first, second, strict=True), strict=True)
    )
    return [
        _explanation(maps, sides, frame=frame, facts=facts)
        for maps, sides in zip(_maps(method, encoder, first, second=second), shown, strict=True)
    ]


def _maps(
    method: PairMethod,
    encoder: ImageEncoder,
    first: Sequence[_Input],
    *,
    second: Sequence[_Input],
) -> Iterator[PairMaps]:
    """Pair by pair, computed together where the inputs are of one size."""
    together = all(len({each.shape for each in views}) == 1 for views in (first, second))
    at_once = len(first) if together else 1
    for start in range(0, len(first), at_once):
        views = [torch.stack(list(each[start : start + at_once])) for each in (first, second)]
        found = method.maps(encoder, *views)
        for index in range(at_once):
            one = slice(index, index + 1)
            yield replace(
                found,
                first=found.first[one],
                second=found.second[one],
                similarity=found.similarity[one],
                notes=found.notes_of(index),
            )


def _explanation(
    found: PairMaps, sides: Sequence[Shown], *, frame: Frame, facts: Mapping[str, str]
) -> Explanation:
    """Of a batch of one pair."""
    over = found if frame == "grid" else found.at_pixels(sides[0].given, sides[1].given)
    drawn = (
        (each if frame != "image" else side.drawn(each, frame))[0].numpy()
        for side, each in zip(sides, (over.first, over.second), strict=True)
    )
    return Explanation(
        TARGET,
        float(found.similarity),
        tuple(
            Heatmap(title=title, values=values, frame=frame)
            for title, values in zip(TITLES, drawn, strict=True)
        ),
        {**facts, "notes": " ".join(found.notes)} if found.notes else facts,
    )


def _facts(method: PairMethod, encoder: ImageEncoder) -> dict[str, str]:
    return {
        "method": method.name,
        "model": encoder.name,
        **{name: str(value) for name, value in asdict(method).items()},
        "caution": " ".join((*encoder.notes, *method.caution)),
        **library_versions(),
    }


def _check(pairs: Sequence[object]) -> None:
    for number, pair in enumerate(pairs):
        images = pair if isinstance(pair, tuple) else ()
        if len(images) != 2 or not all(isinstance(image, Image.Image) for image in images):
            raise UsageError(
                f"pair {number} is {type(pair).__name__} {[type(each).__name__ for each in images]}"
                "; wanted two PIL images, such as `seewhy.data.images.read_image` gives."
            )
