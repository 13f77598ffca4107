"""An encoder of colours, and pictures of coloured spots on black."""

import torch
from PIL import Image, ImageDraw
from torch import nn

from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.similarity.asking import asked_pairs
from seewhy.similarity.settings import PairSettings

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
SIDE = 32


class Colours(nn.Module):
    """Cells of 4 x 4 pixels hold their mean colour, and an image is the mean of its cells."""

    def __init__(self):
        super().__init__()
        self.cells = nn.Conv2d(3, 3, kernel_size=4, stride=4, bias=False)
        with torch.no_grad():
            self.cells.weight.copy_((torch.eye(3) / 16)[..., None, None].expand(3, 3, 4, 4))

    def forward(self, pixels):
        return self.cells(pixels).mean(dim=(2, 3))


def colour_encoder(site="cells", resize="squash", name="colours"):
    preprocess = Preprocessing(
        SIDE, resize=resize, interpolation="bilinear", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)
    )
    return ImageEncoder(Colours().eval(), preprocess=preprocess, name=name, site=site)


def spots(*found, size=(64, 48)):
    """Black, with squares of 16 pixels in colours at upper left corners (x, y)."""
    image = Image.new("RGB", size)
    for colour, (x, y) in found:
        ImageDraw.Draw(image).rectangle((x, y, x + 15, y + 15), fill=colour)
    return image


def quick(**changes):
    return PairSettings(**{"methods": ("interaction-cam",), "batch_size": 3} | changes)


def question(settings=None, **options):
    return asked_pairs(colour_encoder(**options), settings or quick())


def gallery_of(place):
    """Four images, the first ones the more like a red one."""
    place.mkdir()
    spots((RED, (44, 4))).save(place / "1 red.png")
    spots((RED, (4, 28)), (GREEN, (40, 4))).save(place / "2 both.png")
    spots((GREEN, (4, 4)), (BLUE, (40, 4)), (RED, (40, 28))).save(place / "3 all.png")
    spots((GREEN, (4, 4))).save(place / "4 green.png")
    return place
