import pytest
import torch
from torch.testing import assert_close

from seewhy.methods.text_maps.features import class_weights, similarities
from seewhy.methods.text_maps.reading import text_maps
from seewhy.methods.text_maps.tokens import ImageTokens


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


TOKENS = ImageTokens(noise(2, 8), noise(2, 3, 4, 8, seed=1))
TEXTS, EMPTY = noise(5, 8, seed=2), noise(1, 8, seed=3)


def maps(removal):
    return text_maps(TOKENS, TEXTS, redundant=EMPTY, removal=removal)


@pytest.mark.parametrize("removal", ["redundant", "common", "weighted-common", "nothing"])
def test_every_place_keeps_its_place(removal):
    """One image, one patch at a time."""
    found = maps(removal)
    assert_close(found.whole, similarities(TOKENS.embeddings[:, None], TEXTS)[:, 0])
    weights = class_weights(found.whole)
    for image, row, col in torch.cartesian_prod(*map(torch.arange, (2, 3, 4))):
        patch = TOKENS.patches[image, row, col][None, None]
        plain, empty = (similarities(patch, texts)[0, 0] for texts in (TEXTS, EMPTY))
        weighted = plain * weights[image]
        wanted = {
            "nothing": plain,
            "redundant": plain - empty,
            "common": plain - plain.mean(),
            "weighted-common": weighted - weighted.mean(),
        }
        assert_close(found.maps[image, :, row, col], wanted[removal])
