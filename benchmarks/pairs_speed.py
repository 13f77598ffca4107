"""What do occlusion and insertion curves of a pair cost, beside the published loops and Captum?

An untrained ResNet-50 and two photographs at 224 pixels. Run `python benchmarks/pairs_speed.py`,
alone on two cores, a quarter of an hour. Sides take turns, and each counts by its fastest turn.
On a GPU: `--device cuda`, with the target of a GPU. Of `--parts` that are not asked for what was
found before stays, with its date.
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Literal

import torch
from _record import Check, at_least, at_most, record, recorded
from captum.attr import Occlusion
from PIL import Image
from scipy.stats import spearmanr
from skimage import data
from torch import Tensor

from seewhy.evaluation.pairs.curves import Change, area, change_curves, conditional_curve
from seewhy.evaluation.pairs.explained import ExplainedPairs, explained_pairs
from seewhy.methods.pairs.blur import blurred
from seewhy.methods.pairs.method import cosines
from seewhy.methods.pairs.occlusion import ConditionalOcclusion
from seewhy.methods.pairs.variants import Precision, quick_embed
from seewhy.models.guard import inference
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.load_images import load_image_encoder

ENCODER = "timm:resnet50/random-weights"
SEED = 0
THREADS = 2
SIDE = 224
WINDOW, STRIDE = 64, 8
AT_ONCE = (1, 2, 4, 8, 16)
CHANGES: tuple[Change, ...] = ("insertion", "deletion")
PARTS = ("occlusion", "curves")

Changed = Literal["first", "second", "both"]
Side = Callable[[], Tensor]


@dataclass(frozen=True)
class Turn:
    """What a side found, and the seconds that it took."""

    found: Tensor
    seconds: float


def in_turns(sides: Mapping[str, Side], times: int) -> dict[str, Turn]:
    """The fastest of each side's turns; all sides have one before any has the next."""
    best: dict[str, Turn] = {}
    for _ in range(times):
        for name, side in sides.items():
            started = time.perf_counter()
            found = side().cpu()
            seconds = time.perf_counter() - started
            if name not in best or seconds < best[name].seconds:
                best[name] = Turn(found, seconds)
    return best


@dataclass(frozen=True)
class Subject:
    """An encoder and a pair of photographs, each a batch of one."""

    encoder: ImageEncoder
    first: Tensor
    second: Tensor

    @classmethod
    def made(cls, device: str) -> "Subject":
        """Untrained: the weights' values decide no time."""
        encoder = load_image_encoder(ENCODER, seed=SEED, device=device)
        encoder.module.requires_grad_(True)
        first, second = (
            encoder.preprocess(Image.fromarray(pixels))[None].to(device)
            for pixels in (data.cat(), data.coffee())
        )
        return cls(encoder, first, second)

    @property
    def pair(self) -> tuple[Tensor, Tensor]:
        """Both views."""
        return self.first, self.second


@dataclass(frozen=True)
class Loops:
    """The published procedures: a patch or a step at a time, each pass with its graph."""

    subject: Subject

    def drops(self) -> Tensor:
        """Of the similarity, by window, (2, rows, cols)."""
        encoder = self.subject.encoder
        with torch.enable_grad():
            own, other = (encoder.embed(view) for view in self.subject.pair)
            return torch.stack(
                [
                    self._drops(self.subject.first, own, other),
                    self._drops(self.subject.second, other, own),
                ]
            )

    def _drops(self, pixels: Tensor, own: Tensor, other: Tensor) -> Tensor:
        cells = range((SIDE - WINDOW) // STRIDE + 1)
        found = torch.zeros(len(cells), len(cells))
        for row in cells:
            for col in cells:
                hidden = pixels.clone()
                top, left = row * STRIDE, col * STRIDE
                hidden[:, :, top : top + WINDOW, left : left + WINDOW] = 0
                drop = cosines(own, other) - cosines(self.subject.encoder.embed(hidden), other)
                found[row, col] = drop.detach()[0]
        return found

    def curves(self, pairs: ExplainedPairs, change: Change) -> Tensor:
        """Of the first view alone, the second alone and both, one after the other."""
        return torch.stack(
            [self.curve(pairs, change, changed) for changed in ("first", "second", "both")]
        )

    def curve(self, pairs: ExplainedPairs, change: Change, changed: Changed) -> Tensor:
        """Both views go through the encoder at every step, edited in place."""
        views = [pixels.clone() for pixels, _ in pairs.views]
        chosen = (0, 1) if changed == "both" else ((0,) if changed == "first" else (1,))
        ends = {}
        for place in chosen:
            whole = pairs.views[place][0]
            ends[place] = torch.zeros_like(whole) if change == "deletion" else whole.clone()
            views[place] = whole.clone() if change == "deletion" else blurred(whole)
        ranked = {
            place: pairs.views[place][1].flatten().argsort(descending=True, stable=True)
            for place in chosen
        }
        found = []
        with torch.enable_grad():
            for step in range(SIDE + 1):
                embeddings = [self.subject.encoder.embed(view) for view in views]
                found.append(cosines(*embeddings).detach()[0])
                for place in chosen:
                    at = ranked[place][step * SIDE : (step + 1) * SIDE]
                    rows, cols = at // SIDE, at % SIDE
                    views[place][:, :, rows, cols] = ends[place][:, :, rows, cols]
        return torch.stack(found)


def captum_drops(subject: Subject, at_once: int, views: tuple[int, ...] = (0, 1)) -> Tensor:
    """Captum's Occlusion of each view, the other one's embedding being given."""
    encoder = subject.encoder
    maps = []
    with inference(encoder.module):
        for place in views:
            other = encoder.embed(subject.pair[1 - place])
            occlusion = Occlusion(
                lambda pixels, other=other: cosines(
                    encoder.embed(pixels), other.expand(len(pixels), -1)
                )
            )
            maps.append(
                occlusion.attribute(
                    subject.pair[place],
                    sliding_window_shapes=(3, WINDOW, WINDOW),
                    strides=(3, STRIDE, STRIDE),
                    baselines=0,
                    perturbations_per_eval=at_once,
                )[0, 0]
            )
    return torch.stack(maps)


def mean_of_windows(drops: Tensor) -> Tensor:
    """At each pixel the mean drop of the windows over it, which is what Captum gives."""
    sums, counts = torch.zeros(2, SIDE, SIDE), torch.zeros(SIDE, SIDE)
    for row in range(drops.shape[1]):
        for col in range(drops.shape[2]):
            at = (
                slice(row * STRIDE, row * STRIDE + WINDOW),
                slice(col * STRIDE, col * STRIDE + WINDOW),
            )
            sums[:, *at] += drops[:, row, col, None, None]
            counts[at] += 1
    return sums / counts


def occlusion_maps(subject: Subject, precision: Precision) -> Tensor:
    method = ConditionalOcclusion(precision=precision, protocol="published")
    found = method.maps(subject.encoder, *subject.pair)
    return torch.cat([found.first, found.second])


def occlusion(
    subject: Subject, times: int, targets: tuple[float, float]
) -> tuple[list[Check], dict[str, object]]:
    """Both maps of a pair: 882 windows."""
    trials = {
        size: in_turns({"": partial(captum_drops, subject, size, (0,))}, 1)[""].seconds
        for size in AT_ONCE
    }
    best = min(trials, key=lambda size: trials[size])
    found = in_turns(
        {
            "published loop": Loops(subject).drops,
            "Captum": partial(captum_drops, subject, best),
            "ours, float32": partial(occlusion_maps, subject, "float32"),
            "ours, bfloat16": partial(occlusion_maps, subject, "bfloat16"),
        },
        times,
    )
    loop, ours, rounded = (
        found[name] for name in ("published loop", "ours, float32", "ours, bfloat16")
    )
    largest = float(loop.found.abs().max())
    ranks = [
        float(spearmanr(one.flatten(), other.flatten()).statistic)
        for one, other in zip(loop.found, rounded.found, strict=True)
    ]
    captum = found["Captum"]
    seconds = {name: each.seconds for name, each in found.items()}
    return [
        at_least(
            "occlusion, float32, times faster than the published loop",
            loop.seconds / ours.seconds,
            targets[0],
        ),
        at_most(
            "occlusion, float32, largest difference to the loop, of the largest drop",
            float((ours.found - loop.found).abs().max()) / largest,
            1e-3,
        ),
        at_least(
            "occlusion, bfloat16, times faster than the published loop",
            loop.seconds / rounded.seconds,
            targets[1],
        ),
        at_least(
            "occlusion, bfloat16, rank correlation with the loop, lower view", min(ranks), 0.95
        ),
        at_least(
            "occlusion, float32, times faster than Captum at its best",
            captum.seconds / ours.seconds,
            1,
        ),
        at_most(
            "occlusion, mean of windows, largest difference to Captum, of its largest value",
            float(
                (mean_of_windows(ours.found) - captum.found).abs().max() / captum.found.abs().max()
            ),
            1e-3,
        ),
    ], {
        "occlusion of both views, s": seconds,
        "Captum, one view, s by perturbations at once": trials,
        "bfloat16, largest difference, of the largest drop": float(
            (rounded.found - loop.found).abs().max() / largest
        ),
        "bfloat16, rank correlation of each view": ranks,
    }


def curves(subject: Subject, times: int, target: float) -> tuple[list[Check], dict[str, object]]:
    """Insertion and deletion along the maps of occlusion: conditional for each view, and both."""
    maps = ConditionalOcclusion(stride=32).maps(subject.encoder, *subject.pair)
    pairs = explained_pairs(*subject.pair, maps)

    def ours(change: Change) -> Tensor:
        with quick_embed(subject.encoder) as embed:
            found = change_curves(embed, pairs, change=change, protocol="published")
        return torch.cat([found.first, found.second, found.both])

    def ours_alone(precision: Precision) -> Tensor:
        with quick_embed(subject.encoder, precision=precision) as embed:
            return conditional_curve(embed, pairs, change="insertion", protocol="published")[0]

    loops = Loops(subject)
    checks: list[Check] = []
    details: dict[str, object] = {}
    for change in CHANGES:
        found = in_turns(
            {"published loop": partial(loops.curves, pairs, change), "ours": partial(ours, change)},
            times,
        )
        loop, own = found["published loop"], found["ours"]
        checks += [
            at_least(
                f"{change}, all three curves, times faster than the published loops",
                loop.seconds / own.seconds,
                target,
            ),
            at_most(
                f"{change}, largest difference to the loops",
                float((loop.found - own.found).abs().max()),
                1e-4,
            ),
        ]
        details[f"{change}, s"] = {name: each.seconds for name, each in found.items()}
    found = in_turns(
        {
            "published loop": partial(loops.curve, pairs, "insertion", "first"),
            "ours": partial(ours_alone, "float32"),
            "ours, bfloat16": partial(ours_alone, "bfloat16"),
        },
        times,
    )
    loop, own, rounded = found.values()
    alone = "insertion, one conditional curve"
    checks += [
        at_least(
            f"{alone}, times faster than the published loop", loop.seconds / own.seconds, target
        ),
        at_least(
            f"{alone}, bfloat16, times faster than the published loop",
            loop.seconds / rounded.seconds,
            target,
        ),
        at_most(
            f"{alone}, bfloat16, largest difference to the loop, of the curve's extent",
            float((rounded.found - loop.found).abs().max() / (loop.found.max() - loop.found.min())),
            0.05,
        ),
    ]
    details["insertion of the first view, area"] = {
        name: float(area(each.found[None])) for name, each in found.items()
    }
    details["insertion of the first view, s"] = {name: each.seconds for name, each in found.items()}
    return checks, details


def kept(parts: Sequence[str]) -> tuple[list[Check], dict[str, object]]:
    """What an earlier run found of the parts that are not asked for."""
    found = recorded(__file__)
    checks = [Check(**each) for each in found.get("checks", ())]
    earlier: dict[str, object] = found.get("details", {})
    details = {f"{part} measured": found.get("date") for part in PARTS if part not in parts}
    details |= {name: each for name, each in earlier.items() if _part(name) not in parts}
    return [each for each in checks if _part(each.name) not in parts], details


def _part(name: str) -> str:
    return "curves" if name.startswith((*CHANGES, "curves")) else "occlusion"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=2, help="of which the fastest counts")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--dry", action="store_true", help="print the checks and write nothing")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    subject, load = Subject.made(options.device), os.getloadavg()
    on_gpu = options.device != "cpu"
    checks, details = kept(options.parts)
    if "occlusion" in options.parts:
        more, further = occlusion(subject, options.times, (10.0, 10.0) if on_gpu else (2.0, 3.5))
        checks, details = more + checks, further | details
    if "curves" in options.parts:
        more, further = curves(subject, options.times, 10.0 if on_gpu else 4.0)
        checks, details = checks + more, details | further
    details |= {
        "encoder": ENCODER,
        "device": torch.cuda.get_device_name() if on_gpu else "cpu",
        "threads": torch.get_num_threads(),
        "captum": version("captum"),
        "load average before and after": [load[0], os.getloadavg()[0]],
    }
    if options.dry:
        print(*checks, details, sep="\n")
    else:
        record(__file__, checks, details=details)


if __name__ == "__main__":
    main()
