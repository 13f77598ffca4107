from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tests.methods.pairs.golden import assert_near, golden_encoder, tensor, views
from tests.methods.pairs.noise import noise

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.pairs.feature_ascent import Ascent, Octaves
from seewhy.methods.pairs.feature_visualisation import FeatureVisualisation
from seewhy.methods.pairs.objectives import MixtureStrength
from seewhy.models.guard import fingerprint
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.results.explanation import load_explanation
from seewhy.results.parts import Picture

SHORT = Ascent(steps=6, step_size=0.02)


def tower(kind):
    model = tiny_dual_encoder(kind)
    return ImageEncoder(model.module.visual, preprocess=model.preprocessing, name=kind)


def picture(seed=0):
    drawn = np.random.default_rng(seed).integers(0, 256, (40, 52, 3), dtype=np.uint8)
    return Image.fromarray(drawn)


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("score_blur", {}),
        ("octaves", {"octaves": Octaves(3)}),
        ("norm_ema", {"objective": MixtureStrength(), "ascent": replace(SHORT, smoothing="none")}),
    ],
)
def test_stored_images(key, changes):
    method = FeatureVisualisation(
        **({"site": "net.5", "ascent": SHORT, "protocol": "published"} | changes)
    )
    found = method.draw(
        golden_encoder(), views(0)[1], start=tensor("feature_visualization", "init")
    )
    assert_near(found.images, tensor("feature_visualization", f"up6_{key}"), 1e-5)


def test_what_is_drawn_for_the_embedding_convinces_the_model():
    named = golden_encoder()
    encoder = ImageEncoder(named.module, preprocess=named.preprocessing)
    method = FeatureVisualisation(ascent=Ascent(steps=40, step_size=0.02))
    found = method.draw(encoder, views(0)[0])
    assert found.similarity > 0.95 > found.values[0]
    assert ((found.images >= 0) & (found.images <= 1)).all()
    further = method.draw(encoder, views(0)[0], start=found.images)
    torch.testing.assert_close(further.values[0], found.similarity)


def test_normalisation_happens_inside():
    """The same weights behind another mean and deviation see the same image: the same result."""
    plain = golden_encoder()
    pixels = views(0)[0]

    class Rescaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = plain.module

        def forward(self, inputs):
            return self.inner((inputs + 1) / 2)

    plain.preprocessing = replace(plain.preprocessing, mean=(0.0,) * 3, std=(1.0,) * 3)
    other = ImageEncoder(
        Rescaled(),
        preprocess=replace(plain.preprocessing, mean=(0.5,) * 3, std=(0.5,) * 3),
        site="inner.net.7",
    )
    method = FeatureVisualisation(ascent=SHORT)
    torch.testing.assert_close(
        method.draw(plain, pixels).images,
        method.draw(other, 2 * pixels - 1).images,
        rtol=1e-3,
        atol=1e-4,
    )


@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_images_do_not_see_each_other_and_the_model_is_left_as_found(kind):
    encoder = tower(kind)
    pixels = torch.stack([encoder.preprocess(picture(seed)) for seed in range(3)])
    before = fingerprint(encoder.module)
    # Rounding grows with the steps, as each divides by the mean slope.
    method = FeatureVisualisation(ascent=Ascent(steps=2), seed=2)
    together, alone = method.draw(encoder, pixels), method.draw(encoder, pixels[1:2])
    assert fingerprint(encoder.module) == before
    torch.testing.assert_close(together.images[1:2], alone.images, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(together.similarity[1:2], alone.similarity, rtol=1e-3, atol=1e-3)
    assert torch.equal(method.draw(encoder, pixels).images, together.images)
    other = replace(method, seed=3).draw(encoder, pixels)
    assert not torch.equal(other.images, together.images)


def test_odd_sizes_and_steps_are_counted():
    steps = []
    method = FeatureVisualisation(ascent=SHORT, octaves=Octaves(2))
    found = method.draw(
        golden_encoder(), noise(1, 3, 21, 34), progress=lambda *done: steps.append(done)
    )
    assert found.images.shape == (1, 3, 21, 34)
    assert steps == [(step, 12) for step in range(1, 13)]
    assert found.values.shape == (12, 1)


def test_an_explanation_shows_both_images_and_is_stored(tmp_path):
    encoder = golden_encoder()
    (explanation,) = FeatureVisualisation(site="net.2", ascent=SHORT).explain(encoder, [picture()])
    path = explanation.save(tmp_path / "drawn.safetensors")
    given, drawn, curve = load_explanation(path).parts
    assert isinstance(given, Picture)
    assert drawn.title == "Drawn for the features of net.2"
    assert given.pixels.shape == drawn.pixels.shape == (48, 48, 3)
    assert curve.values.shape == (1, 6)
    seen = np.asarray(picture().resize((62, 48), Image.Resampling.BILINEAR))[:, 7:55]
    np.testing.assert_array_equal(given.pixels, seen)
    assert explanation.provenance["site"] == "net.2"
    assert explanation.provenance["method"] == "feature-visualisation"
    assert explanation.score == pytest.approx(explanation.score, abs=1)


def test_a_dead_site_is_noted_and_nan_is_an_error():
    encoder = golden_encoder()
    encoder.module.net[6].weight.data.zero_()
    encoder.module.net[6].bias.data.fill_(-1.0)
    found = FeatureVisualisation(ascent=SHORT).draw(encoder, views(0)[0])
    assert found.notes == ("Image 0: no step changed the objective.",)
    pixels = views()[0].clone()
    pixels[1, 0, 0, 0] = torch.nan
    with pytest.raises(DataError, match="image 1 has NaN"):
        FeatureVisualisation().draw(encoder, pixels)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(UsageError, match="no submodule"):
        FeatureVisualisation(site="net.99").draw(golden_encoder(), views(0)[0])
    encoder = tower("vit")
    with pytest.raises(UsageError, match="vit failed on a batch of shape"):
        FeatureVisualisation(octaves=Octaves(2)).draw(encoder, noise(1, 3, 32, 32))
