"""The one result type: it saves, loads, plots and becomes HTML."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from seewhy.base.errors import UsageError
from seewhy.results.parts import Part
from seewhy.results.storage import (
    SCHEMA,
    PackedParts,
    StoredExplanation,
    pack_parts,
    read_explanation,
    unpack_parts,
    write_explanation,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Explanation:
    """What was asked (`target`), the scalar it gave (`score`), and the evidence (`parts`).

    `provenance` says how it was made: model, encoder, versions, settings, each as text.
    """

    target: str
    score: float | None
    parts: tuple[Part, ...]
    provenance: Mapping[str, str]

    def __post_init__(self) -> None:
        if self.score is not None and not math.isfinite(self.score):
            raise UsageError(f"the score is {self.score}. Use None where it is not defined.")
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))

    def save(self, path: str | Path) -> Path:
        """Write one safetensors file, whole or not at all."""
        packed = pack_parts(self.parts)
        header = StoredExplanation(
            schema_version=SCHEMA,
            target=self.target,
            score=self.score,
            provenance=dict(self.provenance),
            parts=packed.parts,
        )
        return write_explanation(Path(path), header, packed.arrays)

    def plot(self, ax: "Axes | None" = None, *, part: int = 0) -> "Axes":
        """Draw one part into matplotlib axes (new ones unless given) and return them."""
        from seewhy.results.draw import draw_part, new_axes

        if not -len(self.parts) <= part < len(self.parts):
            raise UsageError(f"no part {part}; this explanation has {len(self.parts)} parts.")
        return draw_part(self.parts[part], new_axes() if ax is None else ax)

    def _repr_html_(self) -> str:
        from seewhy.results.markup import notebook_markup

        return notebook_markup(self.target, self.score, self.parts)


def load_explanation(path: str | Path) -> Explanation:
    """Read what `Explanation.save` wrote; raises `UsageError` for anything else."""
    header, arrays = read_explanation(Path(path))
    return Explanation(
        target=header.target,
        score=header.score,
        parts=unpack_parts(PackedParts(header.parts, arrays)),
        provenance=header.provenance,
    )
