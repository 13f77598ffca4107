"""The encoder: unit embeddings, texts it refuses, stages that are read."""

import logging

import open_clip
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.guard import fingerprint
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.openclip_zoo import build
from seewhy.models.protocols import DualEncoder
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.taps.capture import capture
from seewhy.taps.edit import edit


@pytest.fixture(params=["resnet", "vit"])
def encoder(request):
    return tiny_dual_encoder(request.param)


def images(count=3):
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


TEXTS = ["a red circle", "a photo of the digit 5", "blue"]


def test_it_is_a_dual_encoder(encoder):
    assert isinstance(encoder, DualEncoder)
    assert encoder.preprocess(Image.new("RGB", (50, 40))).shape == (3, 32, 32)
    assert encoder.logit_scale == pytest.approx(1 / 0.07, rel=1e-5)


def test_embeddings_are_those_of_open_clip_at_unit_length(encoder):
    found = encoder.encode_images(images()), encoder.encode_texts(TEXTS)
    with torch.no_grad():
        wanted = (
            encoder.module.encode_image(images(), normalize=True),
            encoder.module.encode_text(encoder.tokenizer(TEXTS), normalize=True),
        )
    for ours, theirs in zip(found, wanted, strict=True):
        assert_close(ours, theirs, atol=1e-6, rtol=0)
        assert_close(ours.norm(dim=1), torch.ones(3))
        assert not ours.is_inference()


def test_embeddings_do_not_depend_on_the_batch(encoder, monkeypatch):
    whole_images, whole_texts = encoder.encode_images(images()), encoder.encode_texts(TEXTS)
    parts = torch.cat([encoder.encode_images(image[None]) for image in images()])
    assert_close(parts, whole_images, atol=1e-5, rtol=1e-5)
    monkeypatch.setattr("seewhy.models.openclip._TEXTS_AT_ONCE", 2)
    assert_close(encoder.encode_texts(TEXTS), whole_texts, atol=1e-5, rtol=1e-5)


def test_the_module_is_left_as_it_was(encoder):
    encoder.module.train()
    wrong_size = torch.ones(1, 3, 5, 5)
    before = fingerprint(encoder.module)
    encoder.encode_images(images())
    encoder.encode_texts(TEXTS)
    encoder.stages()
    with pytest.raises(RuntimeError):
        encoder.encode_images(wrong_size)
    assert fingerprint(encoder.module) == before


def test_training_mode_makes_no_difference(encoder):
    wanted = encoder.encode_images(images())
    encoder.module.train()
    assert torch.equal(encoder.encode_images(images()), wanted)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "at least one"),
        ("a red circle", "wanted a list"),
        (["red", " \n"], r"text 1 is ' \\n'"),
        (["red", ""], "text 1 is ''"),
        (["a", "a RED circle!", "the", "a red circle"], "texts 1 .* and 3 .* the same tokens"),
        (["a vermilion circle", "the vermilion Ω", "teal"], "'vermilion', 'ω', 'teal'"),
    ],
)
def test_texts_that_have_no_meaning_of_their_own_are_refused(encoder, texts, message):
    with pytest.raises(UsageError, match=message):
        encoder.encode_texts(texts)


def test_stages_are_called_once_and_give_maps(encoder):
    sites = encoder.stages()
    with capture(encoder.module, [site.name for site in sites]) as outputs:
        encoder.encode_images(images())
    assert list(outputs) == [site.name for site in sites], "in forward order"
    maps = [site.to_maps(outputs[site.name]) for site in sites]
    assert all(each.shape[0] == 3 and each.ndim == 4 for each in maps)
    for site, each in zip(sites, maps, strict=True):
        assert torch.equal(site.with_maps(outputs[site.name], each), outputs[site.name])


def test_every_stage_matters_to_the_embedding(encoder):
    wanted = encoder.encode_images(images())
    for site in encoder.stages():

        def zeroed(output, site=site):
            return site.with_maps(output, torch.zeros_like(site.to_maps(output)))

        with edit(encoder.module, {site.name: zeroed}):
            assert not torch.allclose(encoder.encode_images(images()), wanted, atol=1e-4)


def test_a_vit_is_read_at_four_even_depths_but_never_at_its_end():
    def depths(layers):
        encoder = tiny_dual_encoder("vit")
        blocks = encoder.module.visual.transformer.resblocks
        encoder.module.visual.transformer.resblocks = nn.ModuleList([blocks[0]] * layers)
        return [int(site.name.rpartition(".")[2]) for site in encoder.stages()]

    assert depths(12) == [1, 4, 7, 10]
    assert depths(24) == [4, 10, 16, 22]
    assert depths(8) == [0, 2, 4, 6]
    assert depths(3) == [0, 1]
    assert depths(1) == [0]


def test_the_grid_of_a_vit_may_be_oblong():
    text = {"context_length": 8, "vocab_size": 9, "width": 32, "heads": 2, "layers": 1}
    vision = {"layers": 4, "width": 32, "head_width": 16, "image_size": (16, 32), "patch_size": 8}
    module = build({"embed_dim": 8, "vision_cfg": vision, "text_cfg": text})
    site = encoder_of(module).stages()[0]
    assert (site.prefix, site.grid, site.layout) == (1, (2, 4), "tokens")
    with capture(module, [site.name]) as outputs:
        encoder_of(module).encode_images(torch.randn(2, 3, 16, 32))
    assert site.to_maps(outputs[site.name]).shape == (2, 32, 2, 4)


def encoder_of(module, tokenizer=None):
    return OpenClipEncoder(
        module,
        preprocess=tiny_dual_encoder().preprocessing,
        tokenizer=tokenizer or tiny_dual_encoder().tokenizer,
        name="mine",
        notes=["a note"],
    )


TIMM_TEXT = {"context_length": 8, "vocab_size": 9, "width": 32, "heads": 2, "layers": 1}


@pytest.mark.parametrize(
    ("trunk", "names"),
    [
        ("test_vit2", [f"visual.trunk.blocks.{n}" for n in (0, 2, 4, 6)]),
        ("test_resnet", [f"visual.trunk.layer{n}" for n in range(1, 5)]),
    ],
)
def test_towers_of_timm_are_read_where_their_stages_are_known(trunk, names):
    vision = {"timm_model_name": trunk, "image_size": 64, "timm_pool": "avg"}
    module = build({"embed_dim": 8, "vision_cfg": vision, "text_cfg": TIMM_TEXT})
    encoder = encoder_of(module)
    sites = encoder.stages()
    assert [site.name for site in sites] == names
    size = module.visual.trunk.pretrained_cfg["input_size"][-1]
    with capture(module, [site.name for site in sites]) as outputs:
        encoder.encode_images(torch.randn(2, 3, size, size))
    assert all(site.to_maps(outputs[site.name]).ndim == 4 for site in sites)


def test_towers_without_known_stages_are_refused():
    vision = {"timm_model_name": "test_convnext", "image_size": 64}
    module = build({"embed_dim": 8, "vision_cfg": vision, "text_cfg": TIMM_TEXT})
    with pytest.raises(UsageError, match="image tower is a ConvNeXt"):
        encoder_of(module).stages()


class Holder(nn.Module):
    """Words to their ids' mean, by open_clip's own tokenizer."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(49408, 4)

    def encode_text(self, tokens):
        return self.table(tokens).mean(dim=1)


def test_texts_beyond_the_context_are_cut_loudly_and_say_where(caplog):
    tokenizer = open_clip.SimpleTokenizer(context_length=8)
    encoder = encoder_of(Holder(), tokenizer)
    long = "one two three four five six seven eight nine"
    with caplog.at_level(logging.WARNING):
        found = encoder.encode_texts(["a dog", long])
    assert encoder.cut_texts(["a dog", long]) == (
        f"mine reads 6 tokens: {long!r} is cut after 'one two three four five six'.",
    )
    assert "is cut after" in caplog.text
    with torch.no_grad():
        wanted = functional.normalize(encoder.module.encode_text(tokenizer(["a dog", long])))
    assert_close(found, wanted)


def test_texts_that_differ_only_beyond_the_cut_are_refused():
    encoder = encoder_of(Holder(), open_clip.SimpleTokenizer(context_length=5))
    with pytest.raises(UsageError, match="the same tokens"):
        encoder.encode_texts(["one two three four", "one two three five"])


def test_a_tokenizer_that_cannot_be_asked_is_trusted():
    encoder = encoder_of(Holder(), lambda texts: torch.arange(2 * len(texts)).reshape(-1, 2))
    assert encoder.cut_texts(["x" * 1000]) == ()
    assert encoder.encode_texts(["x" * 1000]).shape == (1, 4)


def test_prompts_may_be_empty_and_equal(encoder):
    found = encoder.encode_prompts(["a red circle", "", "a red circle", "blue"])
    assert_close(found[0], found[2])
    assert_close(found[[0, 3]], encoder.encode_texts(["a red circle", "blue"]), atol=1e-6, rtol=0)
    assert_close(found.norm(dim=1), torch.ones(4))
    with pytest.raises(UsageError, match="does not know the words 'dog'"):
        encoder.encode_prompts(["a dog"])


def test_texts_can_be_checked_without_encoding_them(encoder):
    encoder.check_texts(TEXTS)
    with pytest.raises(UsageError, match="text 1 is ' '"):
        encoder.check_texts(["a", " "])
    with pytest.raises(UsageError, match="become the same tokens"):
        encoder.check_texts(["red", "RED"])
