"""Parts in the published colours, and laid over their image."""

import torch
from jaxtyping import Bool, Int, UInt8
from torch import Tensor
from torch.nn import functional

PALETTE: tuple[tuple[int, int, int], ...] = (
    *((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 165, 0), (255, 192, 203)),
    *((160, 32, 240), (0, 255, 255), (128, 0, 0), (128, 128, 0), (128, 0, 128)),
    *((255, 105, 180), (75, 0, 130), (0, 128, 0), (0, 128, 128), (70, 130, 180)),
    *((255, 69, 0), (139, 69, 19), (0, 0, 128), (255, 20, 147), (255, 140, 0)),
)
"""Red, green and blue of part 0, 1, ...; after the last the first comes again."""

Pictures = UInt8[Tensor, "batch height width 3"]


def painted(labels: Int[Tensor, "batch height width"]) -> Pictures:
    """Each part in its colour; what has no part is black."""
    palette = torch.tensor((*PALETTE, (0, 0, 0)), dtype=torch.uint8, device=labels.device)
    return palette[torch.where(labels < 0, len(PALETTE), labels % len(PALETTE))]


def painted_smoothly(
    grids: Int[Tensor, "batch rows cols"], mask: Bool[Tensor, "batch height width"]
) -> Pictures:
    """Colours of patches drawn bilinearly over the pixels of the mask; black outside.

    For the eye alone: colours in between mean no part.
    """
    patches = painted(grids).permute(0, 3, 1, 2).float()
    height, width = mask.shape[1:]
    drawn = functional.interpolate(patches, size=(height, width), mode="bilinear")
    return (drawn.permute(0, 2, 3, 1) * mask[..., None]).round().to(torch.uint8)


def blended(pictures: Pictures, colours: Pictures) -> Pictures:
    """Half of the picture and half of the colours, truncated."""
    return ((pictures.int() + colours.int()) // 2).to(torch.uint8)


def published_order(labels: Int[Tensor, "*any"]) -> list[int]:
    """The parts that are there, in the order in which the published code lists them.

    It tells parts by their colours and sorts these: 2, 1, 0, 4, 3 if there are five.
    """
    present = torch.unique(labels[labels >= 0]).tolist()
    return sorted(present, key=lambda label: PALETTE[label % len(PALETTE)])
