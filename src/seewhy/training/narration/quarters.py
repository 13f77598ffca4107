"""What lies in each quarter of a drawn scene, asked of the image tokens: so a tower learns to see.

From words alone a small tower hardly learns what its objects are, and the words learn to guess.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from seewhy.data.scenes import COLOURS, DIGITS, SHAPES, SIZES, Scene, SceneObject

Quarters = Int[Tensor, "batch 4 3"]
"""Kind, colour and size in each quarter, row by row; 0 where it is empty, else the place plus 1."""

KINDS = (*SHAPES, *DIGITS)
QUARTERS = 4
TRAITS: tuple[tuple[str, ...], ...] = (KINDS, tuple(COLOURS), tuple(SIZES))


def quarters_of(scenes: Sequence[Scene]) -> Quarters:
    """What the object is whose centre lies in each quarter."""
    found = torch.zeros(len(scenes), QUARTERS, len(TRAITS), dtype=torch.long)
    for number, scene in enumerate(scenes):
        for item in scene.objects:
            place = quarter_of(item)
            values = zip(TRAITS, (item.kind, item.colour, item.size), strict=True)
            found[number, place] = torch.tensor([1 + names.index(value) for names, value in values])
    return found


def quarter_of(item: SceneObject) -> int:
    """The quarter in which an object's centre lies, counted row by row."""
    x, y = item.centre
    return 2 * (y > 0.5) + (x > 0.5)


class QuarterHead(nn.Module):
    """Scores of the kind, colour and size in the quarter that each image token lies in.

    All tokens of a quarter have to know all of them: words that look for one then find the others
    in the same place. The head is for training alone.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.traits = nn.ModuleList(nn.Linear(width, 1 + len(names)) for names in TRAITS)

    def loss_sum(
        self,
        tokens: Float[Tensor, "batch patches width"],
        quarters: Quarters,
        *,
        grid: tuple[int, int],
    ) -> Float[Tensor, ""]:
        """Cross-entropy of kinds, colours and sizes, added up over the quarters of all images.

        Tokens lie on the grid row by row; a quarter counts once, with the mean of its tokens. A
        middle row or column is nobody's.
        """
        rows, cols = grid
        half_rows, half_cols = rows // 2, cols // 2
        maps = tokens.reshape(len(tokens), rows, cols, -1)
        corners = [
            maps[:, top : top + half_rows, left : left + half_cols].flatten(1, 2)
            for top in (0, rows - half_rows)
            for left in (0, cols - half_cols)
        ]
        seen = torch.stack(corners, dim=1)
        labels = quarters[:, :, None].expand(-1, -1, seen.shape[2], -1)
        total = torch.zeros((), device=tokens.device)
        for place, head in enumerate(self.traits):
            total = total + functional.cross_entropy(
                head(seen).float().flatten(0, 2), labels[..., place].flatten(), reduction="sum"
            )
        return total / seen.shape[2]
