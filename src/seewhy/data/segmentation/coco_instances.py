"""COCO 2017 instances: a mask for each of 80 classes of things that an image shows."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Bool
from pydantic import BaseModel, PositiveInt, TypeAdapter, ValidationError

from seewhy.base.errors import DataError, UsageError
from seewhy.data.files import shown
from seewhy.data.images import DEFAULT_POLICY, ReadPolicy, check_size
from seewhy.data.records import Failure
from seewhy.data.segmentation.layout import needed_folder, needed_text
from seewhy.data.segmentation.outlines import polygon_mask, run_mask
from seewhy.data.segmentation.records import ClassMasks, LabelledSource, Place, list_places

_FARTHEST = 1e6


class _Runs(BaseModel):
    size: tuple[PositiveInt, PositiveInt]
    counts: list[int] | str


class _Annotation(BaseModel):
    category_id: int
    segmentation: _Runs | list[list[float]]


class _Image(BaseModel):
    id: int
    file_name: str
    width: PositiveInt
    height: PositiveInt


class _Category(BaseModel):
    id: int
    name: str


class _Belonging(BaseModel):
    image_id: int


@dataclass(frozen=True)
class OutlinedMasks:
    """The masks of one image out of its annotations, which are checked when they are read."""

    name: str
    size: tuple[int, int]
    annotations: Sequence[object]
    labels: Mapping[int, int]
    policy: ReadPolicy

    def __call__(self) -> ClassMasks:
        """Draw them; several things of a class, and crowds of it, become one mask.

        Raises `DataError`: `bad_mask`, `bad_label`, or what the size is refused for.
        """
        check_size(self.size, name=self.name, policy=self.policy)
        masks: dict[int, Bool[np.ndarray, "_ _"]] = {}
        for item in self.annotations:
            annotation = self._checked(item)
            label = self.labels.get(annotation.category_id)
            if label is None:
                raise DataError(
                    "bad_label",
                    f"{self.name} has the category {annotation.category_id}, which the file "
                    "does not list.",
                )
            mask = _drawn(annotation.segmentation, self.size)
            masks[label] = masks[label] | mask if label in masks else mask
        return ClassMasks(self.size, {label: mask for label, mask in masks.items() if mask.any()})

    def _checked(self, item: object) -> _Annotation:
        try:
            return _Annotation.model_validate(item)
        except ValidationError as error:
            raise DataError(
                "bad_mask", f"{self.name} has an annotation without outline: {_reason(error)}."
            ) from error


def open_coco_instances(
    root: Path, *, split: str = "val2017", policy: ReadPolicy = DEFAULT_POLICY
) -> LabelledSource[ClassMasks]:
    """COCO below `root`/annotations/instances_<split>.json and `root`/<split>.

    Classes are the categories of the file, in the order of their ids.
    """
    images = needed_folder(root, split)
    path = needed_folder(root, "annotations") / f"instances_{split}.json"
    document = _Document.read(path, policy)
    categories = document.categories()
    labels = {category.id: label for label, category in enumerate(categories)}
    annotations = document.annotations_by_image()
    places = document.places(images, annotations, labels=labels, policy=policy)
    names = [category.name for category in categories]
    source = list_places(f"COCO {split}", places, class_names=names, policy=policy)
    stray = len(document.lists["annotations"]) - sum(map(len, annotations.values()))
    notes = (f"{stray} annotations name no image and were skipped",) if stray else ()
    return replace(source, notes=(*source.notes, *notes))


@dataclass(frozen=True)
class _Document:
    """The file's three lists, their items not yet checked."""

    path: Path
    lists: Mapping[str, list[object]]

    @classmethod
    def read(cls, path: Path, policy: ReadPolicy) -> "_Document":
        names = ("images", "annotations", "categories")
        try:
            whole = json.loads(needed_text(path, policy=policy))
            lists = TypeAdapter(dict[str, object]).validate_python(whole)
            kept = {name: TypeAdapter(list[object]).validate_python(lists[name]) for name in names}
        except (ValueError, KeyError, RecursionError) as error:
            raise UsageError(
                f"{shown(path)} is no COCO file; wanted a JSON object with the lists "
                f"{', '.join(names)}. Fetch it again."
            ) from error
        return cls(path, kept)

    def categories(self) -> list[_Category]:
        try:
            found = TypeAdapter(list[_Category]).validate_python(self.lists["categories"])
        except ValidationError as error:
            raise UsageError(
                f"{shown(self.path)} has a category without id or name: {_reason(error)}."
            ) from error
        return sorted(found, key=lambda category: category.id)

    def annotations_by_image(self) -> Mapping[int, list[object]]:
        """Annotations without a readable image id belong to no image."""
        found: defaultdict[int, list[object]] = defaultdict(list)
        for item in self.lists["annotations"]:
            try:
                found[_Belonging.model_validate(item).image_id].append(item)
            except ValidationError:
                continue
        return found

    def places(
        self,
        images: Path,
        annotations: Mapping[int, list[object]],
        *,
        labels: Mapping[int, int],
        policy: ReadPolicy,
    ) -> Iterator[Place[ClassMasks] | Failure]:
        for number, item in enumerate(self.lists["images"]):
            try:
                image = _Image.model_validate(item)
            except ValidationError as error:
                yield Failure(f"image {number}", "bad_row", f"of the list: {_reason(error)}.")
                continue
            name = image.file_name.removesuffix(PurePosixPath(image.file_name).suffix)
            size = (image.width, image.height)
            reader = OutlinedMasks(name, size, tuple(annotations.get(image.id, ())), labels, policy)
            yield Place(name, images / image.file_name, reader)


def _drawn(
    segmentation: _Runs | list[list[float]], size: tuple[int, int]
) -> Bool[np.ndarray, "height width"]:
    if isinstance(segmentation, _Runs):
        height, width = segmentation.size
        if (width, height) != size:
            raise DataError(
                "bad_mask", f"run lengths are for {width} x {height} pixels, not {size}."
            )
        return run_mask(segmentation.counts, size)
    mask = np.zeros(size[::-1], dtype=bool)
    for numbers in segmentation:
        if len(numbers) < 6 or len(numbers) % 2 or not (np.abs(numbers) <= _FARTHEST).all():
            raise DataError(
                "bad_mask",
                f"an outline of {len(numbers)} numbers is none of three finite pairs up.",
            )
        mask |= polygon_mask(np.array(numbers, dtype=np.float64).reshape(-1, 2), size)
    return mask


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
