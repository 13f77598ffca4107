"""Maps at places between the patches."""

import numpy as np
import pytest
import torch
from tests.methods.text_maps.asking import SHALLOW, asked, heat

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.grad_cam import GradCam
from seewhy.methods.text_maps.method import View
from seewhy.methods.text_maps.reading import TextMaps, defined_where
from seewhy.methods.text_maps.sentences import SentenceView
from seewhy.methods.text_maps.shifts import shifted_maps
from seewhy.methods.text_maps.surgery import ClipSurgery
from seewhy.models.framing import Framing
from seewhy.models.tiny import tiny_dual_encoder

PATCH = (8, 8)


def brightness(pixels):
    """The mean of each patch, as if it were a map."""
    patches = torch.nn.functional.avg_pool2d(pixels[:, :1], 8)
    return TextMaps(patches, pixels.mean(dim=(1, 2, 3))[:, None])


def ramp(height=48, width=64):
    down, across = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (down + 10.0 * across).expand(1, 3, -1, -1)


@pytest.mark.parametrize("shifts", [1, 2, 3, 4])
def test_a_map_that_follows_the_image_stays_in_its_place(shifts):
    pixels = ramp()
    found = shifted_maps(brightness, pixels, patch=PATCH, shifts=shifts)
    assert found.maps.shape == (1, 1, 6 * shifts, 8 * shifts)
    cell = 8 / shifts
    down = (torch.arange(6 * shifts) + 0.5) * cell - 0.5
    across = (torch.arange(8 * shifts) + 0.5) * cell - 0.5
    wanted = down[:, None] + 10 * across
    inner = (slice(2 * shifts, -2 * shifts),) * 2
    # Shifts are whole pixels: a third of a patch is not, and is off by less than one.
    atol = 1e-3 if 8 % shifts == 0 else 11.0
    torch.testing.assert_close(found.maps[0, 0][inner], wanted[inner], rtol=0, atol=atol)
    assert found.whole.item() == pytest.approx(pixels.mean().item())


def test_a_thin_line_between_two_patches_is_found_where_it_is():
    pixels = torch.zeros(1, 3, 32, 32)
    pixels[..., 15:17] = 1.0
    plain, fine = (
        shifted_maps(brightness, pixels, patch=PATCH, shifts=shifts).maps[0, 0].mean(dim=0)
        for shifts in (1, 4)
    )
    assert plain[1] == plain[2] == plain.max()
    assert fine.argmax().item() in (7, 8)
    assert fine[[7, 8]].mean() > 1.2 * fine[[5, 10]].mean()


def test_a_map_is_defined_where_it_is_for_every_shift():
    calls = []

    def make(pixels):
        calls.append(pixels)
        is_defined = torch.tensor([[True, len(calls) != 3]])
        return defined_where(is_defined, torch.ones(1, 2, 4, 4), torch.zeros(1, 2))

    found = shifted_maps(make, torch.rand(1, 3, 32, 32), patch=PATCH, shifts=2)
    assert len(calls) == 4
    assert all(each.is_contiguous() for each in calls)
    assert found.is_defined.tolist() == [[True, False]]
    assert found.maps[0, 0].isfinite().all()
    assert found.maps[0, 1].isnan().all()


@pytest.mark.parametrize("kind", ["vit", "resnet"])
@pytest.mark.parametrize(
    "make", [lambda view: ClipSurgery(SHALLOW, view=view), lambda view: GradCam(view=view)]
)
def test_methods_give_finer_maps_and_the_same_cosines(kind, make):
    encoder = tiny_dual_encoder(kind)
    (plain,), (fine,) = (
        asked(encoder, make(View(Framing(size=64), "grid", shifts=shifts))) for shifts in (1, 2)
    )
    once, twice = heat(plain), heat(fine)
    assert twice.shape == (len(once), 2 * once.shape[1], 2 * once.shape[2])
    assert np.isfinite(twice).all()
    np.testing.assert_allclose(plain.parts[-1].scores, fine.parts[-1].scores, atol=1e-6)
    assert fine.provenance["shifts"] == "2"


def test_bad_shifts_are_refused():
    with pytest.raises(UsageError, match="shifts is 0"):
        View(shifts=0)
    with pytest.raises(UsageError, match="without shifts"):
        SentenceView(View(shifts=2))
