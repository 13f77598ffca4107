import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from seewhy.base.errors import UsageError
from seewhy.models.guard import fingerprint
from seewhy.models.protocols import PointSegmenter
from seewhy.models.segmenters import SamSegmenter, load_segmenter

SIDE = 64
IMAGE = np.random.default_rng(0).integers(0, 256, (20, 40, 3), dtype=np.uint8)


class Shown(dict):
    def to(self, device):
        return Shown({name: tensor.to(device) for name, tensor in self.items()})


class Processor:
    """What the image processor of SAM does to sizes: the longer side becomes 64."""

    def __call__(self, image, *, return_tensors):
        assert return_tensors == "pt"
        height, width = image.shape[:2]
        factor = SIDE / max(height, width)
        resized = [round(height * factor), round(width * factor)]
        return Shown(
            pixel_values=torch.zeros(1, 3, SIDE, SIDE),
            original_sizes=torch.tensor([[height, width]]),
            reshaped_input_sizes=torch.tensor([resized]),
        )

    def post_process_masks(self, masks, original_sizes, reshaped_input_sizes):
        ((height, width),), ((high, wide),) = original_sizes.tolist(), reshaped_input_sizes.tolist()
        large = nn.functional.interpolate(masks[0], (SIDE, SIDE), mode="nearest")
        cut = large[..., :high, :wide]
        return [nn.functional.interpolate(cut, (height, width), mode="nearest") > 0]


class Network(nn.Module):
    """Cuts out the eighth of the input around each point, in three variants."""

    device = torch.device("cpu")

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.given = {}

    def get_image_embeddings(self, pixels):
        return pixels.mean() * self.weight

    def forward(self, **given):
        self.given = given
        masks = torch.full((1, 1, 3, 8, 8), -1.0)
        for x, y in (given["input_points"][0, 0] * 8 / SIDE).long().tolist():
            masks[..., y, x] = 1.0
        masks[:, :, 0] = -1.0
        return SimpleNamespace(pred_masks=masks, iou_scores=torch.tensor([[[0.1, 0.8, 0.3]]]))


@pytest.fixture
def network():
    return SamSegmenter(Network().train(), Processor())


def asked(network):
    network.set_image(IMAGE)
    coords = np.array([[2.0, 2.0], [38.0, 18.0]], dtype=np.float32)
    return network.predict(coords, np.array([1, 0]), multimask_output=True)


def test_points_and_masks_are_in_pixels_of_the_image(network):
    masks, scores, logits = asked(network)
    assert isinstance(network, PointSegmenter)
    given = network.module.given
    # 40 x 20 becomes 64 x 32: everything is 1.6 times larger.
    assert given["input_points"].tolist() == pytest.approx(
        np.array([[[[3.2, 3.2], [60.8, 28.8]]]]), abs=1e-5
    )
    assert given["input_labels"].tolist() == [[[1, 0]]]
    assert given["multimask_output"] is True
    assert masks.shape == (3, 20, 40)
    assert masks.dtype == bool
    assert scores.tolist() == pytest.approx([0.1, 0.8, 0.3])
    assert logits.shape == (3, 8, 8)
    assert not masks[0].any()
    assert masks[1, 2, 2]
    assert masks[1, 18, 38]
    assert masks[1].sum() == 2 * 5 * 5


def test_the_network_is_left_as_it_was(network):
    before = fingerprint(network.module)
    asked(network)
    assert fingerprint(network.module) == before
    assert network.module.training


def test_an_image_comes_first(network):
    with pytest.raises(UsageError, match="Call set_image first"):
        network.predict(np.zeros((1, 2), np.float32), np.ones(1, int), multimask_output=True)


@pytest.fixture
def transformers(monkeypatch):
    """Stands in for the package; keeps with what it was asked to load."""
    calls = {}

    def loads(name, result):
        def from_pretrained(folder, **options):
            calls[name] = (folder, options)
            return result()

        return SimpleNamespace(from_pretrained=from_pretrained)

    package = SimpleNamespace(
        SamModel=loads("model", Network), SamImageProcessor=loads("processor", Processor)
    )
    monkeypatch.setitem(sys.modules, "transformers", package)
    return calls


def test_a_folder_is_loaded_without_network_and_without_code(transformers, tmp_path):
    found = load_segmenter(tmp_path)
    assert isinstance(found, SamSegmenter)
    assert not found.module.training
    assert transformers["model"] == (
        tmp_path, {"local_files_only": True, "use_safetensors": True}
    )  # fmt: skip
    assert transformers["processor"] == (tmp_path, {"local_files_only": True})


def test_a_folder_without_a_model_is_refused(monkeypatch, tmp_path):
    def refuse(folder, **options):
        raise OSError("no file named model.safetensors\nand more")

    package = SimpleNamespace(SamModel=SimpleNamespace(from_pretrained=refuse))
    monkeypatch.setitem(sys.modules, "transformers", package)
    with pytest.raises(UsageError, match=r"named model.safetensors Wanted are config.json"):
        load_segmenter(tmp_path)


def test_a_missing_package_is_named_with_its_pip_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "segment_anything", None)
    save_file({"image_encoder.pos_embed": torch.zeros(1, 2, 2, 768)}, tmp_path / "sam.safetensors")
    with pytest.raises(UsageError, match="package segment_anything: pip install git"):
        load_segmenter(tmp_path / "sam.safetensors")


class Published(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.image_encoder = nn.Module()
        self.image_encoder.pos_embed = nn.Parameter(torch.zeros(1, 2, 2, width))


def built(width):
    def build(*, checkpoint):
        assert checkpoint is None
        return Published(width)

    return build


@pytest.fixture
def segment_anything(monkeypatch):
    widths = {"vit_b": 768, "vit_l": 1024, "vit_h": 1280}
    package = SimpleNamespace(
        sam_model_registry={kind: built(width) for kind, width in widths.items()},
        SamPredictor=lambda module: SimpleNamespace(model=module),
    )
    monkeypatch.setitem(sys.modules, "segment_anything", package)
    return widths


@pytest.mark.parametrize("kind", ["vit_b", "vit_l", "vit_h"])
def test_a_checkpoint_tells_its_kind_by_its_width(segment_anything, tmp_path, kind):
    weights = Published(segment_anything[kind]).state_dict()
    weights["image_encoder.pos_embed"] += 1
    save_file(weights, tmp_path / "sam.safetensors")
    found = load_segmenter(tmp_path / "sam.safetensors").model
    assert found.image_encoder.pos_embed.shape[-1] == segment_anything[kind]
    assert (found.image_encoder.pos_embed == 1).all()
    assert not found.training


def test_a_checkpoint_of_another_network_is_refused(segment_anything, tmp_path):
    save_file({"image_encoder.pos_embed": torch.ones(1, 2, 2, 5)}, tmp_path / "a.safetensors")
    save_file({"weight": torch.ones(1)}, tmp_path / "b.safetensors")
    for name in ("a", "b"):
        with pytest.raises(UsageError, match="no Segment Anything of a known kind: vit_b"):
            load_segmenter(tmp_path / f"{name}.safetensors")


def test_a_wrong_place_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no segmentation network at"):
        load_segmenter(tmp_path / "nowhere")


def test_a_real_model_of_transformers_cuts_out(tmp_path):
    import transformers

    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.SamConfig(
        vision_config={
            **small, "image_size": SIDE, "patch_size": 16, "output_channels": 8, "mlp_dim": 16,
            "global_attn_indexes": [0], "window_size": 2, "num_pos_feats": 4,
        },
        prompt_encoder_config={
            "hidden_size": 8, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 4,
        },
        mask_decoder_config={
            "hidden_size": 8, "mlp_dim": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
            "iou_head_hidden_dim": 8, "iou_head_depth": 2,
        },
    )  # fmt: skip
    transformers.SamModel(config).save_pretrained(tmp_path)
    transformers.SamImageProcessor(
        size={"longest_edge": SIDE}, pad_size={"height": SIDE, "width": SIDE}
    ).save_pretrained(tmp_path)
    masks, scores, _ = asked(load_segmenter(tmp_path))
    assert masks.shape == (3, 20, 40)
    assert np.isfinite(scores).all()
