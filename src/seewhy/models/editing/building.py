"""Untrained networks of their configurations."""

import torch

from seewhy.models.editing.config import DcNetConfig, EditNetConfig, EditorConfig, LookModifyConfig
from seewhy.models.editing.dcnet import DcNet
from seewhy.models.editing.editnet import EditNet
from seewhy.models.editing.look_modify import LookModify

Network = EditNet | DcNet | LookModify


def build_network(
    config: EditNetConfig | DcNetConfig | LookModifyConfig, *, seed: int = 0
) -> Network:
    """An untrained network in training mode, whose weights depend on `seed` alone.

    They are drawn as published: word vectors normal (Look and Modify: uniform to 0.1, as its
    output), cells uniform to 1 / sqrt(width), other maps as torch does.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _network(config).train()


def unfilled_network(config: EditNetConfig | DcNetConfig | LookModifyConfig) -> Network:
    """A network in evaluation mode whose weights are to be filled: none are drawn."""
    with torch.device("meta"):
        network = _network(config)
    return network.to_empty(device="cpu").eval()


def _network(config: EditNetConfig | DcNetConfig | LookModifyConfig) -> Network:
    if isinstance(config, EditNetConfig):
        return EditNet(config)
    if isinstance(config, DcNetConfig):
        return DcNet(config)
    return LookModify(config)


def build_networks(config: EditorConfig, *, seed: int = 0) -> tuple[Network, ...]:
    """The untrained networks of an editor, the first of `seed`, the next of the number after."""
    return tuple(
        build_network(each, seed=seed + place) for place, each in enumerate(config.networks)
    )
