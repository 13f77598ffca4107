"""From texts to points and masks of one image."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.mapping.asking import Question
from seewhy.mapping.drawing import Looked, looked
from seewhy.mapping.settings import PointSettings
from seewhy.methods.text_maps.features import scaled
from seewhy.methods.text_maps.points import Pointing, Points, joint_points, map_points
from seewhy.methods.text_maps.segmenting import CutOut, Mask, cut_out
from seewhy.models.protocols import PointSegmenter
from seewhy.report.figures import figure_bytes
from seewhy.report.grids import Column, Panel, PictureRow, picture_grid
from seewhy.results.files import output_folder, output_path, safe_slug, write_bytes, write_json
from seewhy.results.overlay import Picture, masked_picture, picture, png_bytes
from seewhy.results.text import number_text, percent_text

SCHEMA: Final = "seewhy.points/1"

_FIGURE_SIDE = 384
_FIGURE_TEXTS = 12
_PLUS = re.compile(r"\\(.)|\+", re.DOTALL)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Point(_Record):
    """A pixel, x to the right and y down; label 1 is on what was asked for, 0 beside it."""

    x: int
    y: int
    label: int


class FoundMask(_Record):
    """Which share of the image a mask covers, and its file below the output, if written."""

    share: float
    score: float | None = None
    file: str | None = None


class PointedText(_Record):
    """The points and masks of one asked text, which may stand for several."""

    asked: str
    texts: list[str]
    points: list[Point]
    mask: FoundMask
    segment: FoundMask | None = None


class PointsDocument(_Record):
    """All points found in an image."""

    schema_version: Literal["seewhy.points/1"] = SCHEMA
    image: str
    width: int
    height: int
    encoder: str
    method: str
    found: list[PointedText]
    notes: list[str]
    settings: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Pointed:
    """What was found for one asked text: points, the mask of the maps, and a network's mask."""

    asked: str
    texts: tuple[str, ...]
    points: Points
    mask: Mask
    segment: CutOut | None = None


def parted(asked: str) -> tuple[str, ...]:
    r"""The texts that plus signs join; a backslash makes the next character an ordinary one.

    Raises `UsageError` when one of them is empty.

    >>> parted(r"person + bench + C\+\+ book")
    ('person', 'bench', 'C++ book')
    """
    texts, start = [""], 0
    for match in _PLUS.finditer(asked):
        texts[-1] += asked[start : match.start()] + (match[1] or "")
        start = match.end()
        if match[1] is None:
            texts.append("")
    texts[-1] += asked[start:]
    found = tuple(text.strip() for text in texts)
    if not all(found):
        raise UsageError(
            f"{asked!r} holds an empty text. Plus signs join texts, as in 'person+bench'; write "
            r"\+ for a plus sign that is meant."
        )
    return found


def all_texts(asked: Sequence[str]) -> tuple[str, ...]:
    """Every text of every asked one, each once, in order.

    Raises `UsageError` when two asked ones, or two texts that are joined, are the same.
    """
    _refuse_twice([" + ".join(parted(each)) for each in asked])
    for each in asked:
        _refuse_twice(parted(each))
    return tuple(dict.fromkeys(text for each in asked for text in parted(each)))


def _refuse_twice(texts: Sequence[str]) -> None:
    repeated = next((text for text in texts if texts.count(text) > 1), None)
    if repeated is not None:
        raise UsageError(f"{repeated!r} is asked for twice; name each text once.")


def find_points(
    question: Question,
    image: Image.Image,
    asked: Sequence[str],
    settings: PointSettings,
    *,
    segmenter: PointSegmenter | None = None,
) -> list[Pointed]:
    """Points and masks for each asked text; the question is about `all_texts` of them.

    Several texts together have points on each and beside all, as published, and the union of
    their masks. The whole image has to be shown to the encoder.
    """
    if settings.framing != "whole" or settings.scaling != "raw":
        raise UsageError("points are for maps as they are of whole images; leave framing alone.")
    (method,) = question.methods
    (explanation,) = method.explain(
        question.encoder, [image], question.texts, prompts=question.prompts
    )
    found = looked(explanation, method, question.encoder, size=image.size)
    pixels = np.asarray(image.convert("RGB"))
    return [
        _pointed(each, found, pixels=pixels, settings=settings, segmenter=segmenter)
        for each in asked
    ]


def _pointed(
    asked: str,
    found: Looked,
    *,
    pixels: Picture,
    settings: PointSettings,
    segmenter: PointSegmenter | None,
) -> Pointed:
    texts = parted(asked)
    places = [found.texts.index(text) for text in texts]
    size = pixels.shape[:2]
    points = _points(torch.from_numpy(found.maps[places]), size, settings)
    mask = np.zeros(size, dtype=bool)
    for place in places:
        mask |= map_mask(found, place, threshold=settings.mask_threshold)
    segment = None if segmenter is None else cut_out(segmenter, pixels, points)
    return Pointed(asked, texts, points, mask, segment)


def _points(
    maps: Float[Tensor, "texts rows cols"], size: tuple[int, int], settings: PointSettings
) -> Points:
    pointing = Pointing(settings.threshold, settings.shrink)
    if len(maps) == 1:
        return map_points(maps[0], size, pointing=pointing)
    is_defined = maps.isfinite().flatten(1).all(dim=1)
    maps = maps[is_defined] if is_defined.any() else maps
    return joint_points(maps, size, pointing=pointing, apart=settings.apart)


def map_mask(found: Looked, text: int, *, threshold: float) -> Mask:
    """Where a map over the image, from 0 to 1 over its patches, reaches a threshold above 0."""
    unit = scaled(torch.from_numpy(found.maps[text].copy())[None, None])[0].numpy()
    height, width = found.placement.image
    values = Looked(found.method, ("",), unit, found.whole[:1], found.placement).values(
        0, (width, height)
    )
    reached: Mask = np.nan_to_num(values) >= threshold
    return reached


def points_document(
    question: Question, found: Sequence[Pointed], settings: PointSettings, *, image: str
) -> PointsDocument:
    """Points as JSON, with the shares of the masks and no files."""
    height, width = found[0].mask.shape
    return PointsDocument(
        image=image,
        width=width,
        height=height,
        encoder=question.encoder.name,
        method=question.methods[0].name,
        found=[_document(each) for each in found],
        notes=[
            *question.notes,
            *(
                f"the map of {each.asked!r} is the same everywhere, or no gradient reaches it, so "
                "it points nowhere"
                for each in found
                if not len(each.points.labels)
            ),
        ],
        settings=settings.model_dump(mode="json"),
    )


def _document(found: Pointed) -> PointedText:
    return PointedText(
        asked=found.asked,
        texts=list(found.texts),
        points=[
            Point(x=x, y=y, label=label)
            for (x, y), label in zip(
                found.points.places.tolist(), found.points.labels.tolist(), strict=True
            )
        ],
        mask=FoundMask(share=float(found.mask.mean())),
        segment=None
        if found.segment is None
        else FoundMask(share=float(found.segment.mask.mean()), score=found.segment.score),
    )


def save_points(
    document: PointsDocument, found: Sequence[Pointed], output: Path, *, image: Image.Image
) -> PointsDocument:
    """Write points.json, points.png and a PNG of each mask; the document with the files named."""
    output = output_folder(output)
    written = []
    for text, each in zip(document.found, found, strict=True):
        slug = safe_slug(each.asked)
        mask = _written(output, f"mask-{slug}.png", text.mask, each.mask)
        segment = text.segment
        if segment is not None and each.segment is not None:
            segment = _written(output, f"segment-{slug}.png", segment, each.segment.mask)
        written.append(text.model_copy(update={"mask": mask, "segment": segment}))
    document = document.model_copy(update={"found": written})
    figure = points_figure(document.image, found, image)
    write_bytes(output_path(output, "points.png"), figure_bytes(figure, "png"))
    write_json(output_path(output, "points.json"), document.model_dump(mode="json"))
    return document


def _written(output: Path, name: str, found: FoundMask, mask: Mask) -> FoundMask:
    path = output_path(output, name)
    write_bytes(path, png_bytes(np.where(mask, 255, 0).astype(np.uint8)))
    return found.model_copy(update={"file": path.name})


def points_figure(name: str, found: Sequence[Pointed], image: Image.Image) -> Any:
    """A row per asked text: points over the image, the mask of its maps, and a network's mask."""
    columns = [Column("points"), Column("mask of the map")]
    if found[0].segment is not None:
        columns.append(Column("cut out by the network"))
    small = picture(image, _FIGURE_SIDE)
    rows = [
        PictureRow(each.asked, tuple(_panels(each, small, image.size)))
        for each in found[:_FIGURE_TEXTS]
    ]
    return picture_grid(rows, columns, title=name)


def _panels(found: Pointed, small: Picture, size: tuple[int, int]) -> list[Panel]:
    stretch = np.array([small.shape[1] / size[0], small.shape[0] / size[1]])
    places = ((found.points.places.numpy() + 0.5) * stretch - 0.5).round().astype(np.int64)
    on = found.points.labels.numpy() == 1
    counts = f"{int(on.sum())} on it (dots), {int((~on).sum())} beside"
    panels = [
        Panel(small, counts, on=places[on], beside=places[~on]),
        Panel(_masked(small, found.mask), f"{percent_text(float(found.mask.mean()))} of the image"),
    ]
    if found.segment is not None:
        share = percent_text(float(found.segment.mask.mean()))
        expected = number_text(found.segment.score)
        caption = f"{share} of the image; expected quality {expected}"
        panels.append(Panel(_masked(small, found.segment.mask), caption))
    return panels


def _masked(small: Picture, mask: Bool[np.ndarray, "_ _"]) -> Picture:
    height, width = small.shape[:2]
    shrunk = Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)
    return masked_picture(small, np.asarray(shrunk, dtype=bool))
