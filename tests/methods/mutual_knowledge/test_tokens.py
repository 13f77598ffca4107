import pytest
import torch
from PIL import Image
from tests.methods.mutual_knowledge.golden import arrays
from tests.models.towers.small import TEXT, WORDS, noise, small
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.tokens import patch_tokens
from seewhy.models.guard import fingerprint
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.openclip_zoo import build
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.vocabulary import WordTokenizer

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
EXACT = {"atol": 1e-4, "rtol": 0}


def encoder_of(vision, *, embed, name, **config):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build({"embed_dim": embed, "vision_cfg": vision, "text_cfg": TEXT, **config})
    return OpenClipEncoder(
        module.eval(), preprocess=Preprocessing(32), tokenizer=WordTokenizer(WORDS, 8), name=name
    )


@pytest.fixture(scope="module")
def golden_encoder():
    stored = arrays("extractor")
    vision = {"image_size": 32, "layers": 2, "width": 48, "patch_size": 8, "head_width": 12}
    encoder = encoder_of(vision, embed=16, name="golden", quick_gelu=True)
    weights = {
        key.removeprefix("w/"): torch.from_numpy(array)
        for key, array in stored.items()
        if key.startswith("w/")
    }
    encoder.module.visual.load_state_dict(weights)
    return encoder


@pytest.fixture(scope="module")
def convnext():
    vision = {"timm_model_name": "convnext_atto", "timm_pool": "", "timm_proj": "linear"}
    return encoder_of({**vision, "image_size": 64}, embed=16, name="convnext")


def on_grid(tokens):
    return torch.from_numpy(tokens)[:, 1:].unflatten(1, (4, 4))


@pytest.mark.parametrize(
    ("facet", "stored"), [("last_layer", "last_layer_tokens"), ("unbiased_keys", "key_tokens")]
)
def test_tokens_and_embeddings_are_the_stored_ones(golden_encoder, facet, stored):
    pixels = torch.from_numpy(arrays("extractor")["images"])
    found = patch_tokens(golden_encoder, pixels, facet=facet)
    assert_close(found.patches, on_grid(arrays("extractor")[stored]), **EXACT)
    assert_close(found.embeddings, torch.from_numpy(arrays("extractor")["embedding"]), **EXACT)


def test_keys_are_the_stored_ones_and_the_bias(golden_encoder):
    stored = arrays("extractor")
    bias = torch.from_numpy(stored["w/transformer.resblocks.1.attn.in_proj_bias"][48:96])
    found = patch_tokens(golden_encoder, torch.from_numpy(stored["images"]), facet="keys")
    assert_close(found.patches, on_grid(stored["key_tokens"]) + bias, **EXACT)


@pytest.mark.parametrize(("resize", "name"), [("squash", "squash"), ("shortest", "crop")])
def test_preprocessing_is_the_stored_one(resize, name):
    stored = arrays("extractor")
    shown = Preprocessing(32, resize=resize, interpolation="bilinear", mean=MEAN, std=STD)
    found = shown(Image.fromarray(stored["raw_image"]))
    assert_close(found, torch.from_numpy(stored[f"transform_{name}"]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["plain", "registers", "siglip", "query-norm", "coca"])
@pytest.mark.parametrize("facet", ["last_layer", "keys", "unbiased_keys"])
def test_a_batch_is_its_images_one_by_one_at_any_grid(kind, facet):
    encoder, pixels = small(kind), noise(2, 3, 24, 40)
    before = fingerprint(encoder.module)
    found = patch_tokens(encoder, pixels, facet=facet)
    assert found.patches.shape[:3] == (2, 3, 5)
    single = torch.cat([patch_tokens(encoder, each[None], facet=facet).patches for each in pixels])
    assert_close(found.patches, single)
    assert found.patches.isfinite().all()
    assert fingerprint(encoder.module) == before


def test_maps_of_the_last_stage_are_the_tokens_of_a_convnext(convnext):
    pixels = noise(2, 3, 64, 96)
    found = patch_tokens(convnext, pixels)
    trunk = convnext.module.visual.trunk
    with torch.no_grad():
        maps = trunk.stages(trunk.stem(pixels))
        embeddings = convnext.module.visual(pixels)
    assert_close(found.patches, maps.permute(0, 2, 3, 1))
    assert_close(found.embeddings, embeddings)
    assert found.patches.shape[1:3] == (2, 3)


def test_maps_of_layer_4_are_the_tokens_of_a_clip_resnet():
    vision = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}
    encoder = encoder_of(vision, embed=16, name="resnet")
    visual, pixels = encoder.module.visual, noise(1, 3, 64, 64)
    with torch.no_grad():
        maps = visual.stem(pixels)
        for depth in (1, 2, 3, 4):
            maps = getattr(visual, f"layer{depth}")(maps)
    assert_close(patch_tokens(encoder, pixels).patches, maps.permute(0, 2, 3, 1))
    assert patch_tokens(encoder, noise(1, 3, 32, 96)).patches.shape[1:3] == (1, 3)
    with pytest.raises(UsageError, match="Use 'last_layer'"):
        patch_tokens(encoder, pixels, facet="keys")


def test_what_cannot_be_read_is_refused(golden_encoder, convnext):
    with pytest.raises(UsageError, match="CNN"):
        patch_tokens(convnext, noise(1, 3, 64, 64), facet="unbiased_keys")
    with pytest.raises(UsageError, match="no multiple"):
        patch_tokens(golden_encoder, noise(1, 3, 30, 32))
