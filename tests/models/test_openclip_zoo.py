"""From names, files and folders to encoders: nothing is random, mixed up or silent."""

import json
import logging
import shutil
import warnings

import open_clip
import pytest
import torch
from open_clip.pretrained import get_pretrained_cfg
from open_clip.transformer import QuickGELU
from PIL import Image
from safetensors.torch import save_file
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models import openclip_zoo
from seewhy.models.checkpoints import weights_hash
from seewhy.models.names import ModelName
from seewhy.models.openclip_zoo import build, load_architecture, load_folder
from seewhy.models.vocabulary import WordTokenizer

TEXT = {"context_length": 8, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
VISION = {"layers": 2, "width": 32, "head_width": 16, "image_size": 32, "patch_size": 8}
CONFIG = {"embed_dim": 8, "vision_cfg": VISION, "text_cfg": TEXT}
RESNET = {"layers": [1, 1, 1, 1], "width": 8, "image_size": 32, "patch_size": None}
ARCHITECTURES = {
    "ViT-T-8": CONFIG,
    "ViT-T-8-quickgelu": {**CONFIG, "quick_gelu": True},
    "RN-T": {**CONFIG, "vision_cfg": RESNET},
    "Custom-T": {**CONFIG, "custom_text": True, "init_logit_bias": -10},
    "Hub-T": {**CONFIG, "text_cfg": {**TEXT, "hf_tokenizer_name": "someone/words"}},
}
TAG = {"url": "https://example.org/vit.pt", "hf_hub": "someone/vit/", "quick_gelu": True}


@pytest.fixture(autouse=True)
def _small_architectures(tmp_path, monkeypatch):
    """open_clip knows a few tiny architectures, one of them with two sets of weights."""
    factory = open_clip.factory
    known = dict(factory._MODEL_CONFIGS, **ARCHITECTURES)
    monkeypatch.setattr(factory, "_MODEL_CONFIGS", known)
    squash = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "resize_mode": "squash"}
    tags = {"openai": TAG, "own": {**TAG, **squash, "quick_gelu": False, "hf_hub": "a/b/w.pt"}}
    pretrained = {"ViT-T-8": tags, "ViT-T-8-quickgelu": {"openai": TAG}}
    monkeypatch.setattr(open_clip.pretrained, "_PRETRAINED", pretrained)


def load(text, *, seed=0, allow_download=False):
    return load_architecture(ModelName.parse(text), allow_download=allow_download, seed=seed)


def quick(encoder):
    return any(isinstance(child, QuickGELU) for child in encoder.module.modules())


def seeded(config=CONFIG, seed=3):
    torch.manual_seed(seed)
    return build(config)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(seeded().state_dict(), path)
    return path


def test_random_weights_come_from_the_seed_alone():
    state = torch.get_rng_state()
    first, again, other = (load("open_clip:ViT-T-8/random-weights", seed=s) for s in (0, 0, 1))
    assert weights_hash(first.module) == weights_hash(again.module) != weights_hash(other.module)
    assert torch.equal(torch.get_rng_state(), state)
    assert other.notes == ("untrained: random weights of seed 1",)
    assert not first.module.training


def test_no_name_of_weights_never_means_random_weights():
    with pytest.raises(
        UsageError, match=r"There are: openai, own.*open_clip:ViT-T-8/random-weights"
    ):
        load("open_clip:ViT-T-8")
    with pytest.raises(UsageError, match=r"no weights 'opnai'.*Nearest: openai"):
        load("open_clip:ViT-T-8/opnai")
    with pytest.raises(UsageError, match="There are: none"):
        load("open_clip:RN-T/openai")


def test_unknown_architectures_are_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"'VT-T-8'\. Nearest: ViT-T-8"):
        load("open_clip:VT-T-8/openai")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_file_gives_its_weights_and_their_embeddings(tmp_path, suffix):
    module = seeded().eval()
    path = tmp_path / f"w{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(module.state_dict(), path)
    encoder = load(f"open_clip:ViT-T-8@{path}")
    assert weights_hash(encoder.module) == weights_hash(module)
    pixels = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        wanted = module.encode_image(pixels, normalize=True)
    assert_close(encoder.encode_images(pixels), wanted, atol=1e-6, rtol=0)
    assert encoder.name == f"open_clip:ViT-T-8@{path}"


def test_slashes_in_architectures_are_dashes(weights):
    assert load(f"open_clip:ViT-T/8@{weights}").module.visual.patch_size == (8, 8)


def test_weights_of_another_architecture_or_size_are_refused(tmp_path):
    vision = {**VISION, "image_size": 64}
    save_file(seeded({**CONFIG, "vision_cfg": vision}).state_dict(), tmp_path / "64.safetensors")
    with pytest.raises(
        UsageError, match=r"visual.positional_embedding \(float32 \(65, 32\), wanted"
    ):
        load(f"open_clip:ViT-T-8@{tmp_path}/64.safetensors")
    with pytest.raises(UsageError, match=r"missing: .* extra: "):
        load(f"open_clip:RN-T@{tmp_path}/64.safetensors")


def test_a_file_that_cannot_say_its_activation_is_used_loudly(weights, caplog):
    with caplog.at_level(logging.WARNING):
        encoder = load(f"open_clip:ViT-T-8@{weights}")
    assert not quick(encoder)
    assert any("name ViT-T-8-quickgelu" in note for note in encoder.notes)
    assert "name ViT-T-8-quickgelu" in caplog.text
    named = load(f"open_clip:ViT-T-8-quickgelu@{weights}")
    assert quick(named)
    assert not any("gelu" in note for note in named.notes)


@pytest.mark.parametrize("name", ["ViT-T-8", "ViT-T-8-quickgelu"])
def test_an_archive_of_openai_brings_its_activation(tmp_path, name):
    module = seeded({**CONFIG, "quick_gelu": True}).eval()
    path = tmp_path / "ViT.pt"
    inputs = torch.ones(1, 3, 32, 32), torch.zeros(1, 8, dtype=torch.int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(module, inputs, check_trace=False), str(path))
    encoder = load(f"open_clip:{name}@{path}")
    assert quick(encoder)
    assert weights_hash(encoder.module) == weights_hash(module)
    assert any("quickgelu" in note for note in encoder.notes) == (name == "ViT-T-8")
    pixels = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        wanted = module.encode_image(pixels, normalize=True)
    assert_close(encoder.encode_images(pixels), wanted, atol=1e-6, rtol=0)


def test_half_precision_files_become_single_precision(tmp_path):
    halves = {name: tensor.half() for name, tensor in seeded().state_dict().items()}
    save_file(halves, tmp_path / "w.safetensors")
    encoder = load(f"open_clip:ViT-T-8@{tmp_path}/w.safetensors")
    assert encoder.module.visual.proj.dtype == torch.float32


def test_a_tag_brings_weights_activation_and_preprocessing(weights, monkeypatch):
    monkeypatch.setattr(openclip_zoo, "weights_file", lambda *_, **__: weights)
    encoder = load("open_clip:ViT-T-8/openai")
    assert quick(encoder)
    assert encoder.notes == ("the weights were trained with quickgelu, so it replaces gelu",)
    assert load("open_clip:ViT-T-8-quickgelu/openai").notes == ()
    own = load("open_clip:ViT-T-8/own")
    assert not quick(own)
    assert (own.preprocessing.resize, own.preprocessing.mean) == ("squash", (0.5, 0.5, 0.5))
    assert own.name == "open_clip:ViT-T-8/own"


def test_a_tag_says_where_its_files_are(weights, monkeypatch):
    asked = []

    def weights_file(published, *, allow_download):
        asked.append((published, allow_download))
        return weights

    monkeypatch.setattr(openclip_zoo, "weights_file", weights_file)
    load("open_clip:ViT-T-8/openai", allow_download=True)
    load("open_clip:ViT-T-8/own")
    (openai, allowed), (own, not_allowed) = asked
    assert (allowed, not_allowed) == (True, False)
    assert openai.repository == "someone/vit"
    assert openai.files == ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
    assert openai.url == "https://example.org/vit.pt"
    assert (own.repository, own.files) == ("a/b", ("w.safetensors", "w.pt"))


def test_without_permission_and_cache_a_tag_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError, match=r"open_clip:ViT-T-8@PATH"):
        load("open_clip:ViT-T-8/openai")


def test_files_whose_preprocessing_is_ambiguous_say_what_is_assumed(weights):
    assert any("OpenAI's is taken" in note for note in load(f"open_clip:ViT-T-8@{weights}").notes)
    notes = load(f"open_clip:ViT-T-8-quickgelu@{weights}").notes
    assert not any("OpenAI's is taken" in note for note in notes)


def test_towers_and_tokenizers_from_the_hub_need_permission():
    with pytest.raises(UsageError, match=r"needs files of someone/words from huggingface\.co"):
        load("open_clip:Hub-T/random-weights")


def test_custom_text_towers_take_weights_in_the_older_layout(tmp_path):
    module = seeded({**CONFIG, "init_logit_bias": -10.0})
    older = {**module.state_dict(), "logit_scale": module.logit_scale.detach().reshape(1)}
    save_file(older, tmp_path / "w.safetensors")
    encoder = load(f"open_clip:Custom-T@{tmp_path}/w.safetensors")
    assert_close(encoder.module.text.token_embedding.weight, module.token_embedding.weight)
    assert encoder.module.logit_scale.shape == ()


@pytest.fixture
def folder(tmp_path):
    """A folder as open_clip writes it, with a preprocessing of its own."""
    module = seeded()
    module.visual.image_mean, module.visual.image_std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    module.visual.preprocess_cfg = {"interpolation": "bilinear", "resize_mode": "longest"}
    path = tmp_path / "encoder"
    path.mkdir()
    from open_clip.push_to_hf_hub import save_config_for_hf

    save_config_for_hf(module, path / "open_clip_config.json", model_config=CONFIG)
    save_file(module.state_dict(), path / "open_clip_model.safetensors")
    return path


def edited(folder, **changes):
    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return folder


def test_a_folder_of_open_clip_gives_what_open_clip_gives(folder):
    encoder = load_folder(folder)
    theirs, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    image = Image.radial_gradient("L").convert("RGB").resize((60, 40))
    pixels = encoder.preprocess(image)
    assert_close(pixels, preprocess(image), atol=1e-6, rtol=0)
    with torch.no_grad():
        wanted = theirs.eval().encode_image(pixels[None], normalize=True)
        texts = theirs.encode_text(open_clip.tokenize(["a dog"], context_length=8), normalize=True)
    assert_close(encoder.encode_images(pixels[None]), wanted, atol=1e-6, rtol=0)
    assert_close(encoder.encode_texts(["a dog"]), texts, atol=1e-6, rtol=0)
    assert encoder.name == f"open_clip-dir:{folder}"


def test_a_list_of_words_in_the_configuration_makes_the_tokenizer(folder):
    encoder = load_folder(edited(folder, words=["red", "dog"]), name="mine")
    assert encoder.tokenizer == WordTokenizer(("red", "dog"), 8)
    assert encoder.name == "mine"


@pytest.mark.parametrize("kept", ["model.safetensors", "other.safetensors", "pytorch_model.bin"])
def test_weights_are_found_under_the_usual_names(folder, kept):
    shutil.move(folder / "open_clip_model.safetensors", folder / kept)
    if kept.endswith(".bin"):
        (folder / kept).unlink()
        torch.save(seeded().state_dict(), folder / kept)
    assert weights_hash(load_folder(folder).module) == weights_hash(seeded())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preprocess_cfg": None}, "silently wrong"),
        ({"model_cfg": None}, "lacks model_cfg"),
        ({"model_cfg": {"embed_dim": 8}}, r"cannot be built \(KeyError"),
        ({"model_cfg": {**CONFIG, "depth": 3}}, r"cannot be built \(TypeError"),
        (
            {"model_cfg": {**CONFIG, "text_cfg": {**TEXT, "hf_tokenizer_name": "a/b"}}},
            "pip install transformers",
        ),
        (
            {"preprocess_cfg": {"size": 64}},
            r"size \(64, 64\), but the image tower takes \(32, 32\)",
        ),
    ],
)
def test_incomplete_or_contradictory_configurations_are_refused(folder, changes, message):
    with pytest.raises(UsageError, match=message):
        load_folder(edited(folder, **changes))


def test_the_size_may_be_said_twice(folder):
    assert load_folder(edited(folder, preprocess_cfg={"size": [32, 32]})).preprocessing.size == 32


def test_an_oblong_size_stays_oblong(folder):
    config = {**CONFIG, "vision_cfg": {**VISION, "image_size": [16, 32]}}
    save_file(seeded(config).state_dict(), folder / "open_clip_model.safetensors")
    edited(folder, model_cfg=config, preprocess_cfg={"size": [16, 32]})
    encoder = load_folder(folder)
    assert encoder.preprocessing.size == (16, 32)
    assert encoder.preprocess(Image.new("RGB", (50, 20))).shape == (3, 16, 32)
    assert encoder.stages()[0].grid == (2, 4)


def test_folders_without_weights_or_configuration_are_refused(folder):
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(UsageError, match="holds no weights"):
        load_folder(folder)
    (folder / "open_clip_config.json").write_text("{")
    with pytest.raises(UsageError, match="cannot read"):
        load_folder(folder)
    with pytest.raises(UsageError, match="cannot read"):
        load_folder(folder / "nowhere")


def test_building_leaves_the_configuration_alone():
    before = json.dumps(CONFIG)
    build(CONFIG)
    assert json.dumps(CONFIG) == before


def test_the_real_tag_of_openai_is_known_to_be_quick():
    assert get_pretrained_cfg("ViT-T-8", "openai")["quick_gelu"]
