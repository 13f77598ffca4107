import pytest
import torch
from torch.nn import functional

from seewhy.base.errors import UsageError
from seewhy.data.scenes import COLOURS, Scene, SceneObject, draw_scene
from seewhy.models.load import load_model
from seewhy.models.load_images import load_image_encoder
from seewhy.models.ssl.folder import EMBEDDED_IMAGE_ENCODERS, embedded_image_folder


def test_the_shipped_encoders_are_whole_and_small():
    folders = [embedded_image_folder(name) for name in EMBEDDED_IMAGE_ENCODERS]
    for folder in folders:
        assert {file.name for file in folder.iterdir()} == {
            "card.md",
            "image_encoder.json",
            "model.safetensors",
            "training.csv",
        }
    weights = [(folder / "model.safetensors").stat().st_size for folder in folders]
    assert sum(weights) <= 4 * 2**20


def large(kind, colour, *, background, seed):
    item = SceneObject(kind, colour, "plain", "large", "center", (0.5, 0.5), 0.34)
    scene = Scene((item,), background, background_texture="striped", tint=0.1, seed=seed)
    return draw_scene(scene).image


@pytest.mark.parametrize("name", EMBEDDED_IMAGE_ENCODERS)
def test_a_shipped_encoder_knows_an_object_again_on_another_background(name):
    encoder = load_image_encoder(f"embedded:{name}")
    objects = [
        (kind, colour) for kind in ("circle", "star", "cross") for colour in list(COLOURS)[:4]
    ]
    first, second = (
        torch.stack(
            [
                encoder.preprocess(large(kind, colour, background=background, seed=number))
                for number, (kind, colour) in enumerate(objects)
            ]
        )
        for background in ("grey", "purple")
    )
    with torch.inference_mode():
        a, b = (functional.normalize(encoder.embed(pixels), dim=1) for pixels in (first, second))
    found = (a @ b.T).argmax(dim=1) == torch.arange(len(objects))
    assert found.float().mean() >= 0.75
    with torch.enable_grad():
        assert encoder.embed_maps(first[:1]).grid == (8, 8)


def test_a_shipped_encoder_is_no_dual_encoder():
    for name in EMBEDDED_IMAGE_ENCODERS:
        with pytest.raises(UsageError, match="load_image_encoder"):
            load_model(f"embedded:{name}")
    with pytest.raises(UsageError, match="no embedded image encoder 'ssl'; there are"):
        embedded_image_folder("ssl")
