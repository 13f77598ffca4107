"""What does it cost to edit captions: many images at a time, beside the published loop?

Run `python benchmarks/editing_speed.py`, alone on two cores, some minutes. EditNet and DCNet as an
ensemble (--networks) search the captions of 32 images with 3 beams, all images at once, and one
image at a time as the published code does; both step the same networks, which compute nothing
twice, so that the loop is faster than the published one. Weights are drawn; a unit that
counts words and the bias of the end are set so that captions have about as many words as in COCO,
and the three marks that no trained network writes are as good as forbidden. So both searches must
find the same captions.
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from _record import Check, at_least, record

from seewhy.models.editing.building import build_network
from seewhy.models.editing.config import network_config
from seewhy.models.editing.dcnet import DcNet
from seewhy.models.editing.decoded import Decoded
from seewhy.models.editing.decoding import DecodeOptions, decode
from seewhy.models.editing.editnet import EditNet
from seewhy.models.editing.ensemble import Ensemble
from seewhy.models.editing.published_beams import STEPS
from seewhy.models.editing.stepping import EditInputs, EditorNetwork
from seewhy.models.editing.words import EditVocabulary

SEED = 0
LONGEST = 18
WORDS = 9.4
"""Mean length of the captions that Show, Edit and Tell published."""

STEEPNESS = 40.0
"""How much the end's score rises while the count goes from none to all."""

Found = list[list[Decoded]]


@dataclass(frozen=True)
class Sizes:
    """As users have them: the published ones, or half their width."""

    images: int = 32
    beams: int = 3
    width: int = 512
    attention: int = 512
    features: int = 2048
    regions: int = 36
    vocabulary: int = 10_000


@dataclass(frozen=True)
class Turn:
    """What a side found, and the seconds that it took."""

    found: Found
    seconds: float


def drawn_network(kinds: list[str], sizes: Sizes, *, sharpness: float) -> Ensemble:
    """Networks whose outputs are sharper than untrained ones, so that beams differ."""
    networks = []
    for place, kind in enumerate(kinds):
        own = {"features": sizes.features} if kind == "editnet" else {}
        config = network_config(
            kind=kind,
            width=sizes.width,
            attention=sizes.attention,
            words=sizes.vocabulary,
            **own,
        )
        network = build_network(config, seed=SEED + place).eval()
        with torch.no_grad():
            network.output.weight.mul_(sharpness)
            network.output.bias[[0, -3, -2]] = -100.0
            count_words(network)
        networks.append(network)
    return Ensemble(networks).eval()


def count_words(network: EditNet | DcNet) -> None:
    """Let the first unit of the last cell count the words, and the end become likelier with them.

    Untrained networks would write on for ever, or end at once.
    """
    width = network.config.width
    cell: Any = network.copy_lstm if isinstance(network, EditNet) else network.language_lstm
    gates = torch.arange(4) * width
    for parameter in cell.parameters():
        if len(parameter) == 4 * width:
            parameter[gates] = 0.0
    # Input, forget and output gate open; a tenth comes in with each word.
    cell.state.bias[gates] = torch.tensor([20.0, 20.0, 0.1, 20.0])
    if isinstance(network, EditNet):
        for gate in (cell.candidate_gate, cell.memory_gate):
            gate.weight[0], gate.bias[0] = 0.0, -20.0
    network.output.weight[:, 0] = 0.0
    network.output.weight[-1, 0] = STEEPNESS


def drawn_inputs(sizes: Sizes) -> EditInputs:
    """Captions of 7 to 14 words, and regions as detectors give them: no number below 0."""
    generator = torch.Generator().manual_seed(SEED)
    lengths = torch.randint(7, 15, (sizes.images,), generator=generator)
    words = torch.randint(1, sizes.vocabulary - 3, (sizes.images, LONGEST), generator=generator)
    shape = (sizes.images, sizes.regions, sizes.features)
    return EditInputs(
        words.masked_fill(torch.arange(LONGEST) >= lengths[:, None], 0),
        lengths,
        torch.randn(shape, generator=generator).relu(),
        torch.full((sizes.images,), sizes.regions),
    )


def set_ends(network: Ensemble, search: Callable[[], Found], *, tries: int = 8) -> float:
    """Let captions have about the published number of words; gives the mean that they have."""
    low, high, mean = -60.0, 20.0, 0.0
    for _ in range(tries):
        middle = (low + high) / 2
        with torch.no_grad():
            for each in network.networks:
                each.output.bias[-1] = middle
        mean = mean_words(search())
        low, high = (middle, high) if mean > WORDS else (low, middle)
    return mean


def mean_words(found: Found) -> float:
    return float(np.mean([len(each.ids) for (each,) in found]))


def in_turns(sides: Mapping[str, Callable[[], Found]], times: int) -> dict[str, Turn]:
    """The fastest of each side's turns; sides alternate."""
    best: dict[str, Turn] = {}
    for _ in range(times):
        for name, side in sides.items():
            started = time.perf_counter()
            found = side()
            seconds = time.perf_counter() - started
            if name not in best or seconds < best[name].seconds:
                best[name] = Turn(found, seconds)
    return best


def shares(ours: Found, theirs: Found) -> tuple[float, float]:
    """How many of the published search's captions finish, and how many of those are alike."""
    pairs = [
        (mine.ids, other.ids)
        for (mine,), (other,) in zip(ours, theirs, strict=True)
        if other.is_finished
    ]
    same = sum(mine == other for mine, other in pairs)
    return len(pairs) / len(theirs), same / max(len(pairs), 1)


def measured(
    network: EditorNetwork, inputs: EditInputs, sizes: Sizes, times: int
) -> tuple[list[Check], dict[str, object]]:
    """Both searches of the same captions."""
    marks = EditVocabulary(tuple(f"w{number}" for number in range(sizes.vocabulary - 4)))
    batched = DecodeOptions(beams=sizes.beams, limit=STEPS, batch=sizes.images)
    published = DecodeOptions(beams=sizes.beams, protocol="published")
    search = partial(decode, network, inputs, marks)
    set_ends(network, partial(search, batched))
    sides = in_turns(
        {"batched": partial(search, batched), "published loop": partial(search, published)}, times
    )
    quick, slow = sides["batched"], sides["published loop"]
    finished, same = shares(quick.found, slow.found)
    told = {
        **vars(sizes),
        "words, mean": mean_words(quick.found),
        "different captions": len({each.ids for (each,) in quick.found}),
        "s": {side: turn.seconds for side, turn in sides.items()},
        "threads": torch.get_num_threads(),
    }
    return [
        at_least("times faster than the published loop", slow.seconds / quick.seconds, 6),
        at_least("share of captions that finish", finished, 0.9),
        at_least("share of finished captions that both find", same, 1),
    ], told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--networks", nargs="+", default=["editnet", "dcnet"])
    parser.add_argument("--width", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--images", type=int, default=Sizes.images)
    parser.add_argument("--vocabulary", type=int, default=Sizes.vocabulary)
    parser.add_argument("--sharpness", type=float, default=8.0)
    parser.add_argument("--dry", action="store_true", help="print the checks and write nothing")
    options = parser.parse_args()
    load = os.getloadavg()
    checks: list[Check] = []
    details: dict[str, object] = {"networks": options.networks}
    for width in options.width:
        sizes = Sizes(images=options.images, width=width, vocabulary=options.vocabulary)
        network = drawn_network(options.networks, sizes, sharpness=options.sharpness)
        found, told = measured(network, drawn_inputs(sizes), sizes, options.times)
        for check in found:
            checks.append(Check(f"width {width}: {check.name}", *list(vars(check).values())[1:]))
        details[f"width {width}"] = told
    details["load average before and after"] = [load[0], os.getloadavg()[0]]
    if options.dry:
        print(*checks, details, sep="\n")
    else:
        record(__file__, checks, details=details)


if __name__ == "__main__":
    main()
