from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tests.methods.pairs.golden import assert_near, golden_encoder, tensor, views

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.pairs.inversion import Inversion, Inverted, Prior
from seewhy.methods.pairs.kept_images import KeptImages
from seewhy.methods.pairs.model_difference import ModelDifference, ModelsCompared
from seewhy.models.guard import fingerprint
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.results.explanation import load_explanation

SHORT = Inversion(steps=12)


def picture(width=52, height=40, seed=0):
    drawn = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(drawn)


class Means(torch.nn.Module):
    """The mean of each colour, which is all that it keeps."""

    def forward(self, pixels):
        return pixels.mean(dim=(2, 3))


def means(size=24):
    return ImageEncoder(Means(), preprocess=Preprocessing(size), name="means")


@pytest.mark.parametrize("children", [4, 5])
def test_stored_images(children):
    published = ModelDifference.published(f"net.{children - 1}")
    rate = float(tensor("model_difference", "lr"))
    method = replace(published, inversion=replace(published.inversion, rate=rate))
    start = method.start_scale * tensor("model_difference", f"up{children}_init")
    found = method.keeping.keep(golden_encoder(), views(0)[0], start=start)
    assert_near(found.inverted.images, tensor("model_difference", f"up{children}_result"), 1e-5)
    assert method.protocol == "published"


def test_only_the_encoders_rate_decays_as_published():
    method = ModelDifference.published("a", "b")
    assert method.keeping.inversion.decay_every == 40
    assert method.baseline_keeping.inversion == replace(method.inversion, decay_every=0)
    assert (method.keeping.site, method.baseline_keeping.site) == ("a", "b")
    mended = ModelDifference()
    assert mended.keeping == mended.baseline_keeping


def test_a_network_of_means_keeps_the_mean_colour():
    encoder = means()
    plain = Inversion(prior=Prior(variation_weight=0.0))
    found = ModelDifference(inversion=plain).keeping.keep(
        encoder, encoder.preprocess(picture())[None]
    )
    expected, colours = (images.mean(dim=(2, 3)) for images in (found.given, found.inverted.images))
    torch.testing.assert_close(colours, expected, rtol=0, atol=0.01)
    assert found.inverted.images.std(dim=(2, 3)).max() < 0.05 < found.given.std(dim=(2, 3)).min()


def test_whoever_keeps_more_has_the_advantage():
    method = ModelDifference(site="net.0", inversion=replace(SHORT, steps=40))
    encoder, other = golden_encoder(), means(48)
    image = Image.fromarray((views(0)[0][0] * 255).byte().permute(1, 2, 0).numpy())
    found = method.compare(encoder, other, [image])
    assert found.advantage.shape == (1, 48, 48)
    assert found.advantage.mean() > 0.02
    swapped = ModelDifference(baseline_site="net.0", inversion=method.inversion)
    torch.testing.assert_close(swapped.compare(other, encoder, [image]).advantage, -found.advantage)


def kept(given, images):
    inverted = Inverted(images, torch.zeros(1, len(images)), torch.zeros(len(images)))
    return KeptImages(given, inverted)


def test_the_advantage_by_hand():
    black, white = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    red = black.clone()
    red[:, 0] = 1
    assert kept(black, red).misses.tolist() == [[[pytest.approx(1 / 3)] * 2] * 2]
    compared = ModelsCompared(
        kept(black, red), kept(torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4))
    )
    torch.testing.assert_close(compared.advantage, torch.full((1, 2, 2), 2 / 3))
    assert ModelsCompared(kept(white, white), kept(white, white)).advantage.abs().max() == 0


def test_images_do_not_see_each_other_and_models_are_left_as_found():
    encoder, other = golden_encoder(), means(32)
    before = fingerprint(encoder.module)
    images = [picture(seed=seed) for seed in range(3)]
    method, steps = ModelDifference(inversion=SHORT), []
    together = method.compare(encoder, other, images, progress=lambda *done: steps.append(done))
    assert fingerprint(encoder.module) == before
    assert steps == [(step, 24) for step in range(1, 25)]
    alone = method.compare(encoder, other, images[1:2])
    torch.testing.assert_close(together.advantage[1:2], alone.advantage, rtol=1e-3, atol=1e-3)
    again = method.compare(encoder, other, images)
    assert torch.equal(again.encoder.inverted.images, together.encoder.inverted.images)
    differently = replace(method, seed=1).compare(encoder, other, images)
    assert not torch.equal(differently.advantage, together.advantage)


def test_an_explanation_shows_what_both_keep(tmp_path):
    method = ModelDifference("net.2", inversion=SHORT)
    encoder, other = golden_encoder(), means(24)
    (explanation,) = method.explain(encoder, other, [picture()])
    loaded = load_explanation(explanation.save(tmp_path / "kept.safetensors"))
    given, own, others, advantage, errors, losses = loaded.parts
    assert given.pixels.shape == own.pixels.shape == (48, 48, 3)
    assert others.pixels.shape == (24, 24, 3)
    assert advantage.values.shape == (48, 48)
    assert own.title == "Kept by golden, net.2"
    assert errors.names == losses.names == ("golden, net.2", "means, embedding (baseline)")
    assert losses.values.shape == (2, 12)
    assert loaded.score is None
    assert loaded.provenance["baseline"] == "means"


def test_what_cannot_be_inverted_is_refused():
    encoder = golden_encoder()
    with pytest.raises(UsageError, match="no submodule"):
        ModelDifference("net.77").compare(encoder, means(), [picture()])
    with pytest.raises(UsageError, match="0 images of 0 sizes"):
        ModelDifference().compare(encoder, means(), [])
    own_size = ImageEncoder(
        Means(), preprocess=lambda image: Preprocessing(image.size[::-1])(image), name="any"
    )
    with pytest.raises(UsageError, match=r"2 images of 2 sizes after the preprocessing of any"):
        ModelDifference().compare(encoder, own_size, [picture(), picture(20, 20)])
    pixels = views(0)[0].clone()
    pixels[0, 0, 0, 0] = torch.inf
    with pytest.raises(DataError, match="image 0 has NaN or infinite"):
        ModelDifference().keeping.keep(encoder, pixels)
