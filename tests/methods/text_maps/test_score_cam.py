import pytest
import torch
from tests.methods.text_maps.golden import small_vit
from torch.nn import functional
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.forward import Kept, channel_maps, channel_site, embedded
from seewhy.methods.text_maps.score_cam import ScoreCam, blurred
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.towers import image_tower
from seewhy.passes.prompts import PromptEnsemble

TEXTS = ["red circle", "digit 5"]


def pixels(encoder):
    side = (2, 3) if encoder.name == "tiny-resnet" else (4, 4)
    height, width = (32 * count for count in side)
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))


def one_channel_after_the_other(encoder, image, text, channels, fill):
    """Score-CAM as it reads, by the encoder's own embeddings of one masked image at a time."""
    tower, kept = image_tower(encoder), Kept()
    height, width = image.shape[1:]
    grid = (height // tower.patch[0], width // tower.patch[1])
    with torch.no_grad():
        embedded(tower, image[None], {channel_site(tower): kept})
    maps = channel_maps(kept.output, grid)[0]
    order = sorted(range(len(maps)), key=lambda channel: -float(maps[channel].std()))
    chosen = order[:channels]
    logits = []
    for channel in chosen:
        mask = functional.interpolate(maps[None, [channel]], (height, width), mode="bilinear")[0]
        mask = (mask - mask.min()) / (mask.max() - mask.min())
        shown = mask * image + (1 - mask) * fill
        with torch.no_grad():
            whole = embedded(tower, shown[None], {})[0]
        logits.append(encoder.logit_scale * float(whole @ text))
    weights = torch.tensor(logits).softmax(dim=0)
    return sum(w * maps[channel] for w, channel in zip(weights, chosen, strict=True)).clamp(min=0)


@pytest.mark.parametrize("kind", ["vit", "resnet"])
@pytest.mark.parametrize(("channels", "fill"), [(5, "zero"), (9, "blurred")])
def test_it_is_score_cam_one_channel_after_the_other(kind, channels, fill):
    encoder = tiny_dual_encoder(kind)
    images = pixels(encoder)
    method = ScoreCam(channels, fill)
    asked = method.ask(encoder, TEXTS, prompts=PromptEnsemble(encoder, ("{}",)))
    found = method.maps(encoder, images, asked)
    for image, maps in zip(images, found.maps, strict=True):
        under = blurred(image) if fill == "blurred" else torch.zeros_like(image)
        for text, own in zip(asked.named, maps, strict=True):
            wanted = one_channel_after_the_other(encoder, image, text, channels, under)
            assert_close(own, wanted, rtol=1e-4, atol=1e-5)
    assert not torch.equal(found.maps[:, 0], found.maps[:, 1])


def test_many_masked_images_are_taken_in_groups(monkeypatch):
    encoder = small_vit()
    asked = ScoreCam().ask(encoder, ["a"], prompts=PromptEnsemble(encoder, ("{}",)))
    images = pixels(encoder)
    usual = ScoreCam().maps(encoder, images, asked).maps
    monkeypatch.setattr("seewhy.methods.text_maps.score_cam._PIXELS_AT_ONCE", 1)
    assert_close(ScoreCam().maps(encoder, images, asked).maps, usual)


def test_blurring_keeps_the_mean_of_the_halves():
    image = torch.zeros(3, 4, 8)
    image[:, :, 4:] = 1
    found = blurred(image)
    assert_close(found[:, :, :2], torch.zeros(3, 4, 2))
    assert_close(found[:, :, 6:], torch.ones(3, 4, 2))
    assert_close(found[0, 0, 2:6], torch.tensor([0.125, 0.375, 0.625, 0.875]))


def test_no_channel_is_refused():
    encoder = small_vit()
    with pytest.raises(UsageError, match="with 0 channels"):
        ScoreCam(0).ask(encoder, ["a"], prompts=PromptEnsemble(encoder, ("{}",)))
