"""Small networks of every kind, and laws that hold for each of them."""

from dataclasses import replace

import torch

from seewhy.models.editing.building import build_network
from seewhy.models.editing.config import network_config
from seewhy.models.editing.stepping import EditInputs

WORDS = 15
SETTINGS = {
    "editnet": {"kind": "editnet", "width": 8, "attention": 6, "features": 5},
    "dcnet": {"kind": "dcnet", "width": 8, "attention": 6},
    "look-modify": {
        "kind": "look-modify", "width": 8, "embedding": 7, "attention": 6, "features": 5,
        "sentence": "ordered",
    },
}  # fmt: skip
VARIANTS = [
    {"kind": "editnet"},
    {"kind": "editnet", "selection": "soft"},
    {"kind": "editnet", "pointer": True},
    {"kind": "dcnet"},
    {"kind": "dcnet", "pointer": True},
    {"kind": "look-modify"},
    {"kind": "look-modify", "sentence": "mean"},
    {"kind": "look-modify", "sentence": "given"},
]


def small_network(kind, *, seed=0, **changes):
    """In double precision and evaluation mode."""
    config = network_config(**SETTINGS[kind] | {"words": WORDS, "dropout": 0.0} | changes)
    return build_network(config, seed=seed).double().eval()


def some_inputs(lengths=(4, 1, 6), counts=(3, 2, 1), *, seed=0, attributes=True):
    draw = torch.Generator().manual_seed(seed)
    batch, source = len(lengths), max(lengths)
    lengths, counts = torch.tensor(lengths), torch.tensor(counts)
    captions = torch.randint(1, WORDS, (batch, source), generator=draw)
    captions[torch.arange(source) >= lengths[:, None]] = 0
    regions = torch.randn(batch, int(counts.max()), 5, generator=draw).double()
    regions[torch.arange(regions.shape[1]) >= counts[:, None]] = 0
    return EditInputs(
        captions,
        lengths,
        regions,
        counts,
        sentences=torch.randn(batch, 6, generator=draw).double(),
        attributes=torch.randint(1, WORDS, (batch, 5), generator=draw) if attributes else None,
    )


def some_words(batch, steps=5, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, WORDS, (batch, steps), generator=draw)


def stepped(network, inputs, words, *, rows=1):
    """Scores of single steps as the teacher-forced ones have them, and the traces."""
    encoded = network.encode(inputs)
    state = network.begin(encoded, rows=rows)
    scores, traces = [], []
    for each in words.repeat_interleave(rows, dim=0).unbind(dim=1):
        step = network.step(each, state, encoded)
        scores.append(step.scores)
        traces.append(step.trace)
        state = step.state
    return torch.stack(scores, dim=1), traces


def padded(inputs):
    """The same with more places, which hold anything."""
    batch = len(inputs)
    return replace(
        inputs,
        captions=torch.cat([inputs.captions, torch.full((batch, 3), WORDS - 1)], dim=1),
        regions=torch.cat([inputs.regions, torch.full((batch, 2, 5), torch.nan).double()], dim=1),
    )
