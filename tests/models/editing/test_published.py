import pytest
import torch
from tests.models.editing.golden import part, stored_inputs, stored_network
from tests.models.editing.networks import some_words

from seewhy.base.errors import UsageError
from seewhy.models.editing.config import DcNetConfig, EditNetConfig, LookModifyConfig
from seewhy.models.editing.published import load_published, published_network

SIZES = {"width": 16, "attention": 8, "words": 23}
CONFIGS = {
    "editnet": EditNetConfig(features=12, **SIZES),
    "dcnet": DcNetConfig(**SIZES),
    "look_modify": LookModifyConfig(width=12, embedding=14, attention=10, features=11, words=23),
}
each_kind = pytest.mark.parametrize("name", CONFIGS)


def checkpoint(name):
    """As published: in single precision, the table of words listed twice."""
    weights = part(name, "w.")
    table = "embed.embedding.weight"
    twice = {f"caption_encoder.{table}": weights[table]} if table in weights else {}
    return {key: each.float() for key, each in (weights | twice).items()}


@each_kind
def test_sizes_are_read_off_the_tensors(name):
    network = published_network(checkpoint(name), source="it")
    assert network.config == CONFIGS[name]
    assert not network.training


@each_kind
def test_a_checkpoint_of_tensors_is_read_from_its_file(name, tmp_path):
    path = tmp_path / "decoder.pth.tar"
    torch.save({"state_dict": checkpoint(name)}, path)
    inputs, words = stored_inputs(name), some_words(3)
    found = load_published(path).double()(inputs, words)
    assert torch.equal(found, stored_network(name)(inputs, words))


@each_kind
def test_a_pickled_module_is_refused(name, tmp_path):
    path = tmp_path / "decoder.pth.tar"
    torch.save({"epoch": 3, "decoder": stored_network(name)}, path)
    with pytest.raises(UsageError, match=r"without running code.*model\.state_dict\(\)"):
        load_published(path)


@each_kind
def test_a_checkpoint_that_lacks_something_is_refused(name):
    weights = checkpoint(name)
    weights.pop("fc.bias" if "fc.bias" in weights else "fc2.bias")
    with pytest.raises(UsageError, match=r"it does not fit \w+: 1 missing: output\.bias"):
        published_network(weights, source="it")


def test_the_map_of_the_stage_of_mean_squared_error_is_dropped():
    affine = {f"any.{kind}": each.float() for kind, each in part("dcnet", "affine_w.").items()}
    network = published_network(checkpoint("dcnet") | affine, source="it")
    assert network.config == CONFIGS["dcnet"]
    for name, more in (("dcnet", {"any.weight": torch.zeros(16, 15)}), ("editnet", affine)):
        with pytest.raises(UsageError, match=r"extra: any\.weight"):
            published_network(checkpoint(name) | more, source="it")


def test_a_damaged_checkpoint_is_refused():
    weights = checkpoint("editnet")
    wrong = {**weights, "attention_lstm.weight_ih": torch.zeros(64, 59)}
    with pytest.raises(UsageError, match=r"\(64, 59\); wanted are 60 columns"):
        published_network(wrong, source="it")
    flat = {**weights, "visual_attention.att_embed.0.weight": torch.zeros(16)}
    with pytest.raises(UsageError, match=r"damaged editnet: it has no matrix visual_attention"):
        published_network(flat, source="it")
    weights.pop("embed.embedding.weight")
    with pytest.raises(UsageError, match=r"it has no matrix embed\.embedding\.weight"):
        published_network(weights, source="it")


def test_other_weights_are_refused():
    for weights in ({"fc.weight": torch.zeros(2, 2)}, checkpoint("editnet") | checkpoint("dcnet")):
        with pytest.raises(UsageError, match="it is no published caption editor"):
            published_network(weights, source="it")
