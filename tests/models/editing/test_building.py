import pytest
import torch
from tests.models.editing.networks import SETTINGS, WORDS

from seewhy.models.editing.building import build_network, build_networks, unfilled_network
from seewhy.models.editing.config import editor_config, network_config
from seewhy.models.editing.dcnet import DcNet
from seewhy.models.editing.editnet import EditNet
from seewhy.models.editing.look_modify import LookModify

CONFIGS = [network_config(words=WORDS, **each) for each in SETTINGS.values()]


def same(one, other):
    return all(
        torch.equal(mine, given)
        for mine, given in zip(one.parameters(), other.parameters(), strict=True)
    )


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_weights_depend_on_the_seed_alone_and_leave_the_generator(config):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = build_network(config, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(7)
    assert same(build_network(config, seed=3), first)
    assert not same(build_network(config, seed=4), first)
    assert first.training


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_a_network_to_be_filled_holds_the_same_tensors(config):
    drawn, unfilled = build_network(config), unfilled_network(config)
    unfilled.load_state_dict(drawn.state_dict())
    assert same(unfilled, drawn)
    assert not unfilled.training
    assert not dict(unfilled.named_buffers())


def test_every_kind_is_built_each_with_its_own_seed():
    source = {"kind": "file", "width": 5}
    networks = [each.model_dump() for each in CONFIGS]
    built = build_networks(editor_config(networks=networks, source=source), seed=2)
    assert [type(each) for each in built] == [EditNet, DcNet, LookModify]
    for place, network in enumerate(built):
        assert same(network, build_network(CONFIGS[place], seed=2 + place))
