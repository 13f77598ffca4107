"""What an image was found to show and its classes to expect, as ids of a bank's texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from seewhy.base.axes import TextEmbeddings
from seewhy.methods.mutual_knowledge.assignment import Bank, PartTexts
from seewhy.methods.mutual_knowledge.overlap import Overlap
from seewhy.methods.mutual_knowledge.shapes import BoundedPart
from seewhy.models.openclip import OpenClipEncoder
from seewhy.passes.bank_embeddings import BankEmbeddings


@dataclass(frozen=True, eq=False)
class Asked:
    """Classes and bank as an encoder understands them; `expected` are the texts of each class."""

    encoder: OpenClipEncoder
    classes: tuple[str, ...]
    bank: BankEmbeddings
    class_embeddings: TextEmbeddings
    rows: Bank
    expected: tuple[tuple[int, ...], ...]
    expected_similarities: tuple[tuple[float, ...], ...]
    notes: tuple[str, ...]

    def words(self, ids: Sequence[int]) -> tuple[str, ...]:
        """The texts of ids."""
        return tuple(self.bank.bank.texts[number] for number in ids)


@dataclass(frozen=True, eq=False)
class SeenImage:
    """What the image side shows of one image.

    `labels` holds the part of each pixel of the input, -1 outside all; `parts` are those large
    enough to be named, in the order of the rows of `texts`, and `ignored` counts the others.
    `similarities` are the cosines of the whole image with the classes. Where nothing stood out
    (`is_fallback`) the strongest patches were taken for the foreground.
    """

    labels: Int[np.ndarray, "height width"]
    parts: tuple[BoundedPart, ...]
    ignored: int
    is_fallback: bool
    texts: PartTexts
    similarities: Float[np.ndarray, " classes"]

    @property
    def concepts(self) -> tuple[int, ...]:
        """The distinct texts of all parts, the most relevant to the whole image first."""
        return tuple(self.texts.ranked.ids.tolist())

    @property
    def predicted(self) -> int:
        """The class of highest similarity; of equals the first."""
        return int(self.similarities.argmax())

    @property
    def order(self) -> tuple[int, ...]:
        """All classes, the most similar first; of equals the first."""
        return tuple(np.argsort(-self.similarities, kind="stable").tolist())


@dataclass(frozen=True, eq=False)
class ClassOverlap:
    """What an image shows against what one class is expected to have."""

    number: int
    name: str
    mutual: tuple[int, ...]
    overlap: Overlap
    curve: Float[np.ndarray, " steps"]

    @property
    def area(self) -> float:
        """The mean of the deletion curve."""
        return float(self.curve.mean())
