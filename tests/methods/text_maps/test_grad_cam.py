import numpy as np
import pytest
import torch
from tests.methods.text_maps.asking import heat
from tests.methods.text_maps.golden import picture, small_vit
from torch.nn import functional
from torch.testing import assert_close

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.text_maps.forward import (
    Kept,
    channel_maps,
    channel_site,
    embedded,
)
from seewhy.methods.text_maps.grad_cam import GradCam
from seewhy.methods.text_maps.method import View
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.towers import embed_at, image_tower
from seewhy.models.towers.positions import positions_at
from seewhy.passes.prompts import PromptEnsemble
from seewhy.results.explanation import load_explanation
from seewhy.taps.hooks import on_calls

STEP = 1e-4


def pushed_channels(encoder, pixels, depth, texts):
    """Grad-CAM without gradients: each channel is raised everywhere and the cosines measured.

    The mean gradient of a channel is the slope of the cosine in that direction, per position.
    """
    tower = image_tower(encoder)
    site = channel_site(tower, depth)
    grid = tuple(side // step for side, step in zip(pixels.shape[2:], tower.patch, strict=True))
    kept = Kept()
    embedded(tower, pixels, {site: kept})
    maps = channel_maps(kept.output, grid)[0]
    everywhere = pixels.expand(len(maps), -1, -1, -1)

    def similarities(step):
        def push(_given, output):
            steps = step * torch.eye(len(maps), dtype=output.dtype)
            if output.ndim == 4:
                return output + steps[..., None, None]
            prefix = output.shape[1] - grid[0] * grid[1]
            return torch.cat([output[:, :prefix], output[:, prefix:] + steps[:, None]], dim=1)

        with on_calls(tower.visual, {site: push}):
            found = embed_at(tower, everywhere, positions_at(tower, everywhere))
        return functional.normalize(found, dim=1) @ texts.double().T

    slopes = (similarities(STEP) - similarities(-STEP)) / (2 * STEP * grid[0] * grid[1])
    return torch.einsum("ct,crs->trs", slopes, maps.double()).clamp(min=0)


@pytest.mark.parametrize(("kind", "depth"), [("vit", 1), ("vit", 3), ("resnet", 1)])
def test_weights_are_the_slopes_of_the_cosine(kind, depth):
    encoder = tiny_dual_encoder(kind)
    encoder.module.double()
    pixels = torch.randn(1, 3, 32, 64, generator=torch.Generator().manual_seed(0)).double()
    prompts = PromptEnsemble(encoder, ("{}",))
    method = GradCam(depth)
    asked = method.ask(encoder, ["red circle", "digit 5"], prompts=prompts)
    found = method.maps(encoder, pixels, asked).maps[0]
    with torch.no_grad():
        wanted = pushed_channels(encoder, pixels, depth, asked.named)
    assert wanted.max() > 0
    assert_close(found.double(), wanted, rtol=1e-3, atol=1e-3 * float(wanted.max()))
    assert (found >= 0).all()
    assert not torch.allclose(found[0], found[1])


def silent_vit():
    """A ViT whose last attention adds nothing, so that no patch reaches the class token there."""
    encoder = small_vit(ls_init_value=0.5)
    with torch.no_grad():
        encoder.module.visual.transformer.resblocks[-1].ls_1.gamma.zero_()
    return encoder


@pytest.mark.parametrize("scaling", ["raw", "min-max"])
def test_a_map_without_gradient_is_no_map(scaling, tmp_path):
    encoder = silent_vit()
    view = View(scaling=scaling)
    prompts = PromptEnsemble(encoder, ("{}",))
    (found,) = GradCam(view=view).explain(encoder, [picture()], ["a", "b"], prompts=prompts)
    assert np.isnan(heat(found)).all()
    assert found.provenance["no_gradient"] == "No gradient reaches the patches for 'a', 'b'."
    again = load_explanation(found.save(tmp_path / "map.safetensors"))
    assert "image/png" in again._repr_html_()
    (deeper,) = GradCam(2, view=view).explain(encoder, [picture()], ["a", "b"], prompts=prompts)
    assert np.isfinite(heat(deeper)).all()
    assert "no_gradient" not in deeper.provenance


def test_weights_that_are_broken_are_not_taken_for_a_missing_gradient():
    encoder = small_vit()
    with torch.no_grad():
        encoder.module.visual.ln_post.bias[0] = torch.nan
    prompts = PromptEnsemble(encoder, ("{}",))
    with pytest.raises(DataError, match="not finite for image 0"):
        GradCam().explain(encoder, [picture()], ["a"], prompts=prompts)


@pytest.mark.parametrize(("kind", "depth"), [("vit", 0), ("vit", 6), ("resnet", 2)])
def test_a_depth_that_is_not_there_is_refused(kind, depth):
    encoder = tiny_dual_encoder(kind)
    with pytest.raises(UsageError, match=f"at depth {depth}"):
        GradCam(depth).ask(encoder, ["red"], prompts=PromptEnsemble(encoder, ("{}",)))


def test_half_precision_gives_nearly_the_same():
    encoder = tiny_dual_encoder("vit")
    prompts = PromptEnsemble(encoder, ("{}",))
    asked = GradCam().ask(encoder, ["red circle"], prompts=prompts)
    pixels = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    whole = GradCam().maps(encoder, pixels, asked).maps
    encoder.module.visual.to(torch.bfloat16)
    half = GradCam().maps(encoder, pixels, asked).maps
    assert half.dtype == torch.float32
    assert functional.cosine_similarity(whole.flatten(), half.flatten(), dim=0) > 0.99
