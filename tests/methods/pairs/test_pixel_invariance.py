from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from tests.methods.pairs.golden import arrays, golden_encoder, tensor
from tests.methods.pairs.noise import noise

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.pairs.method import min_max
from seewhy.methods.pairs.pixel_invariance import PixelInvariance, emphasised
from seewhy.methods.pairs.surrogates import DescentFit, SparseFit
from seewhy.models.guard import fingerprint
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.results.explanation import load_explanation

FEW = PixelInvariance(samples=40, side=8)
PLAIN = Preprocessing(24, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), resize="squash")


def picture(seed=0):
    drawn = np.random.default_rng(seed).integers(0, 256, (40, 52, 3), dtype=np.uint8)
    return Image.fromarray(drawn)


class Corner(torch.nn.Module):
    """Sees the upper left quarter alone: its mean red, beside a constant."""

    def forward(self, pixels):
        height, width = pixels.shape[2:]
        seen = pixels[:, :1, : height // 2, : width // 2].mean(dim=(2, 3))
        return torch.cat([seen, torch.full_like(seen, 0.3)], dim=1)


def corner(module=None):
    return ImageEncoder(module or Corner(), preprocess=PLAIN, name="corner")


def erased(count=120, seed=0):
    """An even image, and versions of it in each of which one quarter or none is black."""
    image = torch.full((3, 24, 24), 0.8)
    views = image.expand(count, -1, -1, -1).clone()
    quarters = torch.randint(5, (count,), generator=torch.Generator().manual_seed(seed))
    for view, quarter in zip(views, quarters.tolist(), strict=True):
        if quarter < 4:
            top, left = 12 * (quarter // 2), 12 * (quarter % 2)
            view[:, top : top + 12, left : left + 12] = 0.0
    return image, views


def test_similarities_are_the_stored_ones_and_the_map_is_of_the_surrogate():
    base, changed = (tensor("pixel_invariance", key) / 255 for key in ("base_u8", "augmented_u8"))
    method = PixelInvariance(samples=24, side=12)
    found = method.map_of(golden_encoder(), base, changed.split(7))
    expected = tensor("pixel_invariance", "labels")[:, 0]
    torch.testing.assert_close(found.similarities, expected, rtol=0, atol=1e-5)
    assert torch.equal(found.map, found.weights.amax(dim=0))
    whole = method.map_of(golden_encoder(), base, [changed])
    torch.testing.assert_close(whole.map, found.map, rtol=1e-3, atol=1e-4)


def test_the_published_descent_takes_labels_of_parts():
    base, changed = (tensor("pixel_invariance", key) / 255 for key in ("base_u8", "augmented_u8"))
    rate, steps = (arrays("pixel_invariance")[key].item() for key in ("lr", "epochs"))
    maps = [
        PixelInvariance(
            samples=24,
            side=12,
            fit=DescentFit(rate=rate, steps=steps, part_weight=weight, components=4),
        ).map_of(golden_encoder(), base, [changed])
        for weight in (0.0, 0.0, 50.0)
    ]
    assert torch.equal(maps[0].map, maps[1].map)
    assert not torch.allclose(maps[0].map, maps[2].map, atol=1e-3)


def test_weights_lie_where_the_encoder_looks():
    image, changed = erased()
    found = PixelInvariance(side=4).map_of(corner(), image, [changed])
    quarter = found.map[:2, :2]
    assert quarter.sum() == found.map.abs().sum() > 0
    assert found.fidelity > 0.95
    assert found.notes == ()


def test_a_blind_encoder_gives_zeros_and_says_so():
    class Blind(torch.nn.Module):
        def forward(self, pixels):
            return torch.ones(len(pixels), 4)

    found = FEW.map(corner(Blind()), noise(3, 24, 24))
    assert found.map.abs().max() == 0 == found.drawn().max()
    assert found.fidelity is None
    assert "goes with no pixel" in found.notes[0]


def test_similarities_below_zero_are_noted():
    image, changed = erased()
    image = image - 0.5
    found = PixelInvariance(side=4).map_of(corner(torch.nn.Flatten()), image, [changed - 0.6])
    assert found.similarities.min() < 0
    assert "counted as zero" in found.notes[-1]


def test_one_seed_gives_one_map_and_the_model_is_left_as_found():
    encoder = golden_encoder()
    pixels = encoder.preprocess(picture())
    before, steps = fingerprint(encoder.module), []
    found = FEW.map(encoder, pixels, progress=lambda *done: steps.append(done))
    assert fingerprint(encoder.module) == before
    assert steps == [(number, 40) for number in range(1, 41)]
    assert torch.equal(FEW.map(encoder, pixels).map, found.map)
    other = replace(FEW, seed=1).map(encoder, pixels)
    assert not torch.equal(other.similarities, found.similarities)


def test_what_is_erased_is_zero_to_the_model():
    """As published: the mean colour of a normalised model, not black."""
    seen = []

    class Watched(torch.nn.Module):
        def forward(self, pixels):
            seen.append(pixels.clone())
            return pixels.flatten(1)

    encoder = ImageEncoder(Watched(), preprocess=Preprocessing((16, 24)), name="watched")
    FEW.map(encoder, encoder.preprocess(picture()))
    views = torch.cat(seen[1:])
    is_zero = (views.abs().amax(dim=1) < 1e-5).flatten(1).float().mean(dim=1)
    assert views.shape == (40, 3, 16, 24)
    assert 10 < (is_zero > 0.01).sum() < 30


def test_looks():
    scaled = torch.tensor([[0.0, 0.49], [0.5, 1.0]])
    kept = np.array([[0.0, 0.0], [0.5, 1.0]], dtype=np.float32)
    expected = ndimage.gaussian_filter(kept, 5, radius=5, mode="mirror")
    np.testing.assert_allclose(emphasised(scaled), expected)
    found = FEW.map(corner(torch.nn.Flatten()), noise(3, 24, 24))
    assert torch.equal(found.drawn("raw"), found.map)
    assert torch.equal(found.drawn(), min_max(found.map[None])[0])
    assert torch.equal(found.drawn("published"), emphasised(found.drawn()))


def test_an_explanation_is_stored(tmp_path):
    (explanation,) = FEW.explain(golden_encoder(), [picture()], look="raw")
    heat, scores = load_explanation(explanation.save(tmp_path / "map.safetensors")).parts
    assert heat.values.shape == (8, 8)
    assert scores.names == ("lowest", "median", "highest")
    assert (np.diff(scores.scores) >= 0).all()
    assert explanation.provenance["method"] == "pixel-invariance"
    assert explanation.provenance["protocol"] == "mended"
    float(explanation.provenance["fidelity"])


def test_published_settings():
    published = PixelInvariance.published()
    assert (published.samples, published.side, published.protocol) == (1000, 64, "published")
    assert published.fit == DescentFit(rate=0.1, steps=1000, penalty=0.2, part_weight=0.0)
    parts = PixelInvariance.published(has_parts=True).fit
    assert parts == DescentFit(rate=0.1, steps=100, penalty=0.2, part_weight=1.0, components=10)


def test_bad_settings_and_pixels_are_refused():
    for fault in ({"samples": 9}, {"side": 0}):
        with pytest.raises(UsageError, match="wanted at least 10 samples"):
            PixelInvariance(**fault)
    pixels = noise(3, 24, 24)
    pixels[0, 0, 0] = torch.nan
    with pytest.raises(DataError, match="NaN or infinity"):
        FEW.map(golden_encoder(), pixels)


def test_a_fit_that_is_not_done_is_noted():
    method = replace(FEW, fit=SparseFit(share=0.01, steps=1))
    found = method.map(golden_encoder(), golden_encoder().preprocess(picture()))
    assert "stopped at its last step" in found.notes[-1]
