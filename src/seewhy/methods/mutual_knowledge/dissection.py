"""What the text encoder expects of a class: the concepts nearest to its name."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.base.errors import UsageError


@dataclass(frozen=True, eq=False)
class Nearest:
    """Ids of concepts and their similarities, one row per class, best first."""

    ids: Int[Tensor, "classes kept"]
    similarities: Float[Tensor, "classes kept"]


def dissect_classes(
    classes: Float[Tensor, "classes embed"], concepts: Float[Tensor, "concepts embed"]
) -> Float[Tensor, "classes concepts"]:
    """Similarity of each class with each concept, text against text: no image enters.

    Both come at unit length, the classes as means over templates, the concepts in one template.
    """
    return classes @ concepts.T


def nearest_concepts(similarities: Float[Tensor, "classes concepts"], *, count: int) -> Nearest:
    """The concepts of largest similarity in each row; all of them where there are fewer.

    Among equals the lower id comes first.
    """
    if count < 1:
        raise UsageError(f"{count} concepts per class; wanted at least 1.")
    ordered, ids = similarities.sort(dim=1, descending=True, stable=True)
    return Nearest(ids[:, :count], ordered[:, :count])


def similar_classes(
    classes: Float[Tensor, "classes embed"], *, count: int = 2
) -> Int[Tensor, "classes kept"]:
    """For each class the others whose names are nearest, best first, itself never."""
    if len(classes) < 2:
        raise UsageError("one class has no similar ones; give at least two.")
    similarities = dissect_classes(classes, classes).clone()
    similarities.fill_diagonal_(-torch.inf)
    return nearest_concepts(similarities, count=min(count, len(classes) - 1)).ids
