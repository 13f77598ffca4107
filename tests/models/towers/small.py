"""Untrained encoders of 32 x 32 images with image towers of many kinds, all weights stirred."""

from copy import deepcopy
from functools import cache

import torch
from timm.layers import HybridEmbed
from timm.models.vision_transformer import VisionTransformer
from timm.models.vision_transformer_hybrid import ConvStem

from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.openclip_zoo import build
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.vocabulary import WordTokenizer

TEXT = {"context_length": 8, "vocab_size": 20, "width": 16, "heads": 1, "layers": 1}
WORDS = ("a", "b", "c", "d")
VIT = {"image_size": 32, "layers": 4, "width": 64, "patch_size": 8, "head_width": 32}
TRUNK = {"img_size": 32, "patch_size": 8, "embed_dim": 64, "depth": 4, "num_heads": 2}


def stem(**settings):
    """Patches of 8 x 8 pixels from convolutions instead of one linear map."""
    sizes = {"depth": 2, "stride": (2, 2), "kernel_size": (2, 2), "padding": 0}
    return HybridEmbed(ConvStem(channels=(8, 16), **sizes), **settings)


TIMM = {
    "token": {"pool": "token"},
    "mean": {"pool": "avg", "class_token": False},
    "mean-normed-before": {"pool": "avg", "class_token": False, "fc_norm": False},
    "mean-beside-class-token": {"pool": "avg", "fc_norm": False, "reg_tokens": 2},
    "mean-of-all": {"pool": "avg", "fc_norm": False, "pool_include_prefix": True},
    "registers": {"pool": "token", "reg_tokens": 4},
    "registers-without-position": {"pool": "token", "reg_tokens": 4, "no_embed_class": True},
    "layer-scale": {"pool": "token", "init_values": 0.3},
    "query-norm": {"pool": "token", "qk_norm": True, "qkv_bias": False},
    "mlp": {"pool": "token", "proj": "mlp"},
    "classifier": {"pool": "token", "proj": None, "num_classes": 16},
    "pre-norm": {"pool": "token", "pre_norm": True, "proj": "none"},
    "dynamic": {"pool": "avg", "class_token": False, "dynamic_img_size": True},
    "stem": {"pool": "token", "embed_layer": stem, "patch_size": 2, "no_embed_class": True},
    "siglip": {"pool": "map", "class_token": False, "proj": "none"},
    "siglip-registers": {
        "pool": "map",
        "class_token": False,
        "reg_tokens": 1,
        "pool_include_prefix": True,
    },
}
OPEN_CLIP = {
    "plain": {},
    "open-clip-mean": {"pool_type": "avg"},
    "open-clip-mean-normed-after": {"pool_type": "avg", "final_ln_after_pool": True},
    "coca": {"attentional_pool": True, "attn_pooler_heads": 2, "attn_pooler_queries": 3},
    "coca-as-wide-as-the-tower": {
        "attentional_pool": True,
        "attn_pooler_heads": 2,
        "attn_pooler_queries": 3,
        "pool_type": "avg",
        "width": 16,
        "head_width": 8,
    },
}
TOWERS = (*TIMM, *OPEN_CLIP)
ONE_OF_EACH = (
    *("token", "registers-without-position", "query-norm", "dynamic", "stem", "siglip"),
    *("open-clip-mean", "coca"),
)


def small(kind, **changes):
    """An encoder with an image tower of a kind named above; changes are of its settings."""
    if not changes:
        return deepcopy(_stored(kind))
    if kind in TIMM:
        return timm_encoder(**TIMM[kind] | changes)
    return open_clip_encoder(**OPEN_CLIP[kind] | changes)


@cache
def _stored(kind):
    return timm_encoder(**TIMM[kind]) if kind in TIMM else open_clip_encoder(**OPEN_CLIP[kind])


def open_clip_encoder(**vision):
    return _encoder(lambda: _built(VIT | vision))


def timm_encoder(pool, proj="linear", **trunk):
    """In open_clip's TimmModel, whose head is as `proj` says; other settings are the trunk's."""

    def make():
        settings = {"timm_pool": "avg", "timm_proj": proj, "image_size": 32}
        module = _built({"timm_model_name": "test_vit", **settings})
        usual = TRUNK | {"global_pool": pool, "num_classes": 0}
        module.visual.trunk = VisionTransformer(**usual | trunk)
        return module

    return _encoder(make)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _built(vision):
    return build({"embed_dim": 16, "vision_cfg": vision, "text_cfg": TEXT})


def _encoder(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = make().eval()
        with torch.no_grad():
            for parameter in module.visual.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return OpenClipEncoder(
        module,
        preprocess=Preprocessing(32),
        tokenizer=WordTokenizer(WORDS, 8),
        name="small",
    )
