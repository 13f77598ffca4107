import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models import embedded
from seewhy.models.checkpoints import read_weights
from seewhy.models.embedded import (
    EMBEDDED,
    MEAN,
    STD,
    build_clip,
    embedded_folder,
    load_embedded,
    normalised_pixels,
    save_embedded,
)

WORDS = ("a", "red", "green", "5", "8")
SIDE = 32
TOWERS = {
    "resnet": {"layers": [1, 1, 1, 1], "width": 8, "head_width": 8, "image_size": SIDE},
    "vit": {"layers": 2, "width": 16, "head_width": 8, "patch_size": 8, "image_size": SIDE},
}


def configuration(tower):
    return {
        "model_cfg": {
            "embed_dim": 16,
            "vision_cfg": dict(TOWERS[tower]),
            "text_cfg": {
                "context_length": 8,
                "vocab_size": len(WORDS) + 3,
                "width": 16,
                "heads": 2,
                "layers": 1,
            },
        },
        "preprocess_cfg": {
            "size": SIDE,
            "mean": MEAN,
            "std": STD,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
        "words": WORDS,
    }


def random_pixels(images=3):
    return np.random.default_rng(0).integers(0, 256, (images, SIDE, SIDE, 3), dtype=np.uint8)


def weights_of(module):
    return torch.cat([weight.flatten().float() for weight in module.state_dict().values()])


@pytest.mark.parametrize("tower", TOWERS)
def test_weights_depend_on_the_seed_alone_and_the_random_state_stays(tower):
    config = configuration(tower)["model_cfg"]
    state = torch.get_rng_state()
    first, second, other = (build_clip(config, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(weights_of(first), weights_of(second))
    assert not torch.equal(weights_of(first), weights_of(other))
    assert config == configuration(tower)["model_cfg"]


@pytest.mark.parametrize("tower", TOWERS)
def test_a_saved_encoder_reads_images_and_texts_like_the_module(tower, tmp_path, monkeypatch):
    config = configuration(tower)
    module = build_clip(config["model_cfg"], seed=1).eval()
    save_embedded(tmp_path / "deep" / "folder", config, module)
    monkeypatch.setattr(embedded, "embedded_folder", lambda _: tmp_path / "deep" / "folder")
    encoder = load_embedded("clip-vit")
    assert encoder.name == "embedded:clip-vit"
    module.half().float()
    pixels = normalised_pixels(random_pixels())
    with torch.inference_mode():
        images = module.encode_image(pixels, normalize=True)
        texts = module.encode_text(encoder.tokenizer(["a red 5", "green"]), normalize=True)
    assert_close(encoder.encode_images(pixels), images)
    assert_close(encoder.encode_texts(["a red 5", "green"]), texts)


def test_training_and_use_see_the_same_pixels(tmp_path, monkeypatch):
    config = configuration("vit")
    save_embedded(tmp_path, config, build_clip(config["model_cfg"]))
    monkeypatch.setattr(embedded, "embedded_folder", lambda _: tmp_path)
    encoder = load_embedded("clip-vit")
    pixels = random_pixels(1)
    assert_close(
        encoder.preprocess(Image.fromarray(pixels[0]))[None],
        normalised_pixels(pixels).contiguous(),
        atol=1e-6,
        rtol=0,
    )


def test_pixels_are_normalised_by_channel():
    pixels = random_pixels(2)
    expected = (pixels / 255 - np.array(MEAN)) / np.array(STD)
    result = normalised_pixels(pixels)
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert_close(result.permute(0, 2, 3, 1).double(), torch.from_numpy(expected), atol=1e-5, rtol=0)


def test_a_saved_folder_holds_halves_and_open_clips_configuration(tmp_path):
    config = configuration("resnet")
    module = build_clip(config["model_cfg"])
    save_embedded(tmp_path, config, module)
    assert {file.name for file in tmp_path.iterdir()} == {
        "model.safetensors",
        "open_clip_config.json",
    }
    weights = read_weights(tmp_path / "model.safetensors")
    held = module.state_dict()
    assert weights.keys() == held.keys()
    for name, tensor in weights.items():
        is_float = held[name].is_floating_point()
        assert tensor.dtype == (torch.float16 if is_float else held[name].dtype)
        assert_close(tensor.float(), held[name].float(), rtol=1e-3, atol=1e-6)
    assert all(weight.dtype == torch.float32 for weight in module.parameters())
    written = json.loads((tmp_path / "open_clip_config.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(config))


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(
        UsageError,
        match="no embedded encoder 'clip'; there are clip-resnet, clip-vit, clip-objects",
    ):
        load_embedded("clip")


def test_the_shipped_encoders_are_whole_and_small():
    folders = [embedded_folder(name) for name in EMBEDDED]
    for folder in folders:
        assert (folder / "card.md").is_file()
        assert (folder / "open_clip_config.json").is_file()
    weights = [(folder / "model.safetensors").stat().st_size for folder in folders]
    assert sum(weights) <= 24 * 2**20


@pytest.mark.parametrize("name", EMBEDDED)
def test_a_shipped_encoder_tells_red_from_green_and_five_from_eight(name):
    from seewhy.data.digits import DigitExperiment

    encoder = load_embedded(name)
    records = DigitExperiment().records("held-out", "random")[:40]
    images = encoder.encode_images(torch.stack([encoder.preprocess(r.read()) for r in records]))
    for attribute, values in (("colour", ("red", "green")), ("value", ("5", "8"))):
        captions = {
            "colour": [f"a photo of a {value} object" for value in values],
            "value": [f"a photo of a digit with the value {value}" for value in values],
        }[attribute]
        guesses = (images @ encoder.encode_texts(captions).T).argmax(dim=1).tolist()
        truth = [values.index(record.attributes[attribute]) for record in records]
        assert np.mean([guess == true for guess, true in zip(guesses, truth, strict=True)]) >= 0.9
