"""Published checkpoints as networks: other names, and matrices that we keep in parts.

Whole pickled modules, as the authors store them, would run code and are refused: save the
module's `state_dict()` first.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.models.checkpoints import fit_weights, read_weights
from seewhy.models.editing.building import Network, unfilled_network
from seewhy.models.editing.cells import PartedLinear
from seewhy.models.editing.config import DcNetConfig, EditNetConfig, LookModifyConfig
from seewhy.models.editing.dcnet import DcNet

Kind = Literal["editnet", "dcnet", "look-modify"]
Names = Mapping[str, str]

_CAPTION_ATTENTION = {
    "caption_attention.cap_features_att.": "caption_attention.keys.",
    "caption_attention.cap_decoder_att.": "caption_attention.query.",
    "caption_attention.cap_full_att.": "caption_attention.score.",
}
_EDITNET = {
    **_CAPTION_ATTENTION,
    "embed.embedding.": "words.table.",
    "caption_encoder.lstm_encoder_cell.x2h.": "encoder.cell.inputs.",
    "caption_encoder.lstm_encoder_cell.h2h.": "encoder.cell.state.",
    "caption_encoder.affine_hn.": "encoder.summary.",
    "caption_attention.context_gate.": "context_gate.gate.",
    "caption_attention.sc_affine.": "context_gate.source.",
    "caption_attention.tc_affine.": "context_gate.target.",
    "visual_attention.att_embed.0.": "region_vectors.",
    "visual_attention.features_att.": "region_attention.keys.",
    "visual_attention.decoder_att.": "region_attention.query.",
    "visual_attention.full_att.": "region_attention.score.",
    "copy_lstm.x2h.": "copy_lstm.inputs.",
    "copy_lstm.h2h.": "copy_lstm.state.",
    "copy_lstm.gate_cnew.": "copy_lstm.candidate_gate.",
    "copy_lstm.gate_cmem.": "copy_lstm.memory_gate.",
    "fc.": "output.",
}
_DCNET = {
    **_CAPTION_ATTENTION,
    "embed.embedding.": "words.table.",
    "caption_encoder.lstm_encoder.": "encoder.lstm.",
    "caption_encoder.concat.": "encoder.summary.",
    "fc.": "output.",
}
_LOOK_MODIFY = {
    "embedding.": "words.",
    "attribute_decoding.attr_decode1.": "attributes.first.",
    "attribute_decoding.attr_decode2.": "attributes.second.",
    "top_down_attention.x_gate.": "sentinel_inputs.",
    "top_down_attention.h_gate.": "sentinel_state.",
    "attention.features_att.": "region_attention.keys.",
    "attention.decoder_att.": "region_attention.query.",
    "attention.full_att.": "region_attention.score.",
    "residual_gating.sen_att.": "kept_sentence.",
    "residual_gating.sentinel_att.": "kept_sentinel.",
    "fc1.": "residual.",
    "fc2.": "output.",
}
# Cells of torch: two projections under names of their own.
_CELLS = {
    "attention_lstm.": "attention_lstm.",
    "language_lstm.": "language_lstm.",
    "top_down_attention.lstm_cell.": "attention_lstm.",
    "language_model.": "language_lstm.",
}
_OF_CELL = {
    "weight_ih": "inputs.weight", "bias_ih": "inputs.bias",
    "weight_hh": "state.weight", "bias_hh": "state.bias",
}  # fmt: skip
_NAMES: Mapping[Kind, Names] = {
    "editnet": _EDITNET, "dcnet": _DCNET, "look-modify": _LOOK_MODIFY,
}  # fmt: skip
_TOLD_BY: Mapping[str, Kind] = {
    "copy_lstm.x2h.weight": "editnet",
    "caption_encoder.concat.weight": "dcnet",
    "residual_gating.sen_att.weight": "look-modify",
}
# The one table of words is listed a second time.
_LEFT_OUT = ("caption_encoder.embed.",)


def load_published(path: Path, *, part: str = "") -> Network:
    """The network of a published checkpoint, in evaluation mode with its published settings.

    `part` names it where a file holds several. `UsageError` for a pickled module.
    """
    return published_network(read_weights(path, part=part), source=shown(path))


def published_network(weights: Mapping[str, Tensor], *, source: str) -> Network:
    """The network whose tensors these are under their published names; sizes are read off them."""
    found = [kind for name, kind in _TOLD_BY.items() if name in weights]
    if len(found) != 1:
        raise UsageError(
            f"{source} is no published caption editor: it should hold one of "
            f"{', '.join(_TOLD_BY)}, and holds {', '.join(list(weights)[:5])}."
        )
    kept = {name: each.float() for name, each in weights.items() if not name.startswith(_LEFT_OUT)}
    network = unfilled_network(_config(found[0], kept, source))
    named = {
        own: each
        for name, each in kept.items()
        if (own := _own_name(name, _NAMES[found[0]])) != name or not _is_projection(network, each)
    }
    fit_weights(network, parted(network, named, source=source), source=source)
    return network


def parted(network: Network, weights: Mapping[str, Tensor], *, source: str) -> dict[str, Tensor]:
    """The same tensors, those of maps kept in parts cut into the columns of each input."""
    cut = dict(weights)
    for place, module in network.named_modules():
        if not isinstance(module, PartedLinear) or f"{place}.weight" not in cut:
            continue
        whole = cut.pop(f"{place}.weight")
        widths = [each.shape[1] for each in module.weights]
        if whole.ndim != 2 or whole.shape[1] != sum(widths):
            raise UsageError(
                f"{source} does not fit: {place} has the shape {tuple(whole.shape)}; wanted are "
                f"{sum(widths)} columns, of inputs of {widths}."
            )
        pieces = torch.split(whole, widths, dim=1)
        cut |= {f"{place}.weights.{n}": each.contiguous() for n, each in enumerate(pieces)}
    return cut


def _is_projection(network: Network, tensor: Tensor) -> bool:
    """Whether a tensor of an unknown name may be of the map that DCNet has in training alone."""
    width = network.config.width
    return isinstance(network, DcNet) and tensor.shape in ((width, width), (width,))


def _own_name(name: str, names: Names) -> str:
    for beginning, own in names.items():
        if name.startswith(beginning):
            return own + name.removeprefix(beginning)
    for beginning, own in _CELLS.items():
        ending = name.removeprefix(beginning)
        if name.startswith(beginning) and ending in _OF_CELL:
            return own + _OF_CELL[ending]
    return name


def _config(
    kind: Kind, weights: Mapping[str, Tensor], source: str
) -> EditNetConfig | DcNetConfig | LookModifyConfig:
    def size(name: str, axis: int) -> int:
        if name not in weights or weights[name].ndim <= axis:
            raise UsageError(f"{source} is a damaged {kind}: it has no matrix {name}.")
        return weights[name].shape[axis]

    if kind == "look-modify":
        words, embedding = size("embedding.weight", 0), size("embedding.weight", 1)
        return LookModifyConfig(
            width=size("fc1.weight", 1),
            embedding=embedding,
            attention=size("fc1.weight", 0),
            features=size("attention.features_att.weight", 1),
            words=words,
        )
    words, width = size("embed.embedding.weight", 0), size("embed.embedding.weight", 1)
    attention = size("caption_attention.cap_features_att.weight", 0)
    if kind == "dcnet":
        return DcNetConfig(width=width, attention=attention, words=words)
    features = size("visual_attention.att_embed.0.weight", 1)
    return EditNetConfig(width=width, attention=attention, features=features, words=words)
