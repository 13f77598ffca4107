"""Do the maps of two images show what the two have in common? Every method on planted pairs.

Run `python benchmarks/pairs_truth.py [--encoder NAME ...] [--share 1.0]`, about an hour and a half
on two cores. Pairs of digit collages are half as many as pairs of scenes. What an earlier run found
of an encoder that is not asked for stays, with its date.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from _record import Check, at_least, at_most, record, recorded
from rich.console import Console
from rich.table import Table

from seewhy.base.axes import Pixels
from seewhy.data.planted_pairs import PlantedPair, digit_pairs, scene_pairs
from seewhy.evaluation.pairs.curves import Steps
from seewhy.evaluation.pairs.explained import similarities
from seewhy.evaluation.tasks.pair_baselines import CentredGaussian, RandomRanking
from seewhy.evaluation.tasks.pair_controls import randomisation_check
from seewhy.evaluation.tasks.pair_methods import (
    CHEAP,
    Figures,
    Judged,
    Judging,
    PlantedViews,
    defined_pairs,
    judge_methods,
    leads,
    mean_figures,
    planted_views,
)
from seewhy.evaluation.weighted import Interval
from seewhy.methods.pairs.catalogue import PAIR_METHODS, pair_method
from seewhy.methods.pairs.method import PairMaps, PairMethod, SecondPixels
from seewhy.models.guard import inference
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.load_images import load_image_encoder

SEED = 7
STAGES = 6
SOURCES: Mapping[str, Callable[..., tuple[PlantedPair, ...]]] = {
    "scenes": scene_pairs,
    "digits": digit_pairs,
}
SHARE = {"scenes": 1.0, "digits": 0.5}
RANDOM, GAUSSIAN, OBJECT = "random ranking", "centred Gaussian", "the object itself"
BASELINES: Mapping[str, PairMethod] = {
    RANDOM: RandomRanking(),
    "random squares of 8": RandomRanking(cell=8),
    GAUSSIAN: CentredGaussian(),
}
INSERTION, DROP = "insertion, conditional", "drop, conditional"
JUDGED: tuple[Judged, ...] = (*CHEAP, "published insertion")
SHOWN = (
    *("top region", "pointing", "energy", INSERTION, "published insertion, conditional"),
    *("deletion, conditional", DROP),
)
LOST = "weights lost {}/{}, {}"
CONTROLS = (
    "max sensitivity",
    "wrong pair, rank correlation",
    LOST.format(1, STAGES, "rank correlation"),
    LOST.format(STAGES, STAGES, "rank correlation"),
)
REGION_TARGET = 0.85
TESTS = "exit code of the tests of pairs"
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Plan:
    """How much is asked of an encoder: pictures are `side` pixels wide, as it takes them.

    Curves change `step` pixels at a time. The controls, which make every map some twenty times,
    look at `controlled` pairs, randomisation at `randomised`. `without` names methods that the
    encoder cannot have.
    """

    pairs: int
    side: int = 64
    step: int = 128
    controlled: int = 0
    randomised: int = 0
    without: tuple[str, ...] = ()


PLANS: Mapping[str, Plan] = {
    "embedded:ssl-simclr": Plan(150, controlled=12, randomised=6),
    # A pass takes twenty times as long, and four times as many windows fit: methods of many passes
    # are left to the other encoder.
    "embedded:clip-objects": Plan(
        150,
        side=128,
        step=1024,
        without=(
            *("occlusion", "context-agnostic-occlusion", "pairwise-occlusion"),
            *("smooth-grad", "averaged-transforms"),
        ),
    ),
}


@dataclass(frozen=True, eq=False)
class ObjectItself(PairMethod):
    """The mask of what both views show, which no method is told: what there is to reach."""

    views: PlantedViews

    @property
    def name(self) -> str:
        """In tables."""
        return OBJECT

    def compute(self, _encoder: ImageEncoder, first: Pixels, second: SecondPixels) -> PairMaps:
        """The masks, for the very pairs that were drawn."""
        masks = self.views.first_masks.float(), self.views.second_masks.float()
        return PairMaps(*masks, torch.zeros(len(first), device=second.device).cpu())


def methods(plan: Plan) -> dict[str, PairMethod]:
    """The catalogue with its own settings, and what knows nothing."""
    known = (name for name in PAIR_METHODS if name not in plan.without)
    return {name: pair_method(name) for name in known} | dict(BASELINES)


def judging(plan: Plan, *figures: Judged, pairs: int = 8) -> Judging:
    return Judging(figures, side=plan.side, pairs=pairs, steps=Steps(plan.step), seed=SEED)


def judged(name: str, pictures: str, start: int, stop: int) -> dict[str, Figures]:
    """Every figure of every method for some pairs."""
    torch.set_num_threads(1)
    encoder = load_image_encoder(name)
    plan = PLANS[name]
    pairs = SOURCES[pictures](stop, seed=SEED)[start:]
    views = planted_views(encoder, pairs, side=plan.side)
    found = judge_methods(encoder, methods(plan), pairs, judging=judging(plan, *JUDGED))
    known = {OBJECT: ObjectItself(views)}
    found |= judge_methods(encoder, known, pairs, judging=judging(plan, *JUDGED, pairs=len(pairs)))
    strangers = _similarity(encoder, views.first, views.second.roll(-1, dims=0))
    for figures in found.values():
        figures["similarity"] = _similarity(encoder, views.first, views.second)
        figures["similarity to a stranger"] = strangers
    return found


def controlled(name: str, _pictures: str, start: int, stop: int) -> dict[str, Figures]:
    """Maps with noise on the views, beside a stranger, and without what the model has learnt."""
    torch.set_num_threads(1)
    encoder = load_image_encoder(name)
    pairs = scene_pairs(stop, seed=SEED)[start:]
    plan = PLANS[name]
    asked = judging(plan, "sensitivity", "wrong pair")
    found = judge_methods(encoder, methods(plan), pairs, judging=asked)
    # Each portion has its part of the randomised pairs.
    few = max(len(pairs) * plan.randomised // plan.controlled, 1)
    views = planted_views(encoder, pairs[:few], side=plan.side)
    for method, figures in found.items():
        stages = randomisation_check(
            methods(plan)[method], encoder, (views.first, views.second), stages=STAGES, seed=SEED
        )
        for number, stage in enumerate(stages, 1):
            agreement = {
                "rank correlation": stage.agreement.rank_correlation,
                "SSIM": stage.agreement.structural_similarity,
            }
            for measure, values in agreement.items():
                figures[LOST.format(number, STAGES, measure)] = _padded(values, len(pairs))
    return found


def _similarity(encoder: ImageEncoder, first: Pixels, second: Pixels) -> np.ndarray:
    with inference(encoder.module):
        return similarities(encoder.embed(first), encoder.embed(second)).double().numpy()


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    return np.pad(values.astype(float), (0, length - len(values)), constant_values=np.nan)


def on_all_cores(work: Callable[[int, int], dict[str, Figures]], count: int) -> dict[str, Figures]:
    """The figures of all pairs, in their order."""
    cores = os.cpu_count() or 1
    edges = np.linspace(0, count, min(8 * cores, max(count // 4, 1)) + 1).astype(int).tolist()
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs: list[Future[dict[str, Figures]]] = [
            pool.submit(work, start, stop) for start, stop in pairwise(edges)
        ]
        portions = [job.result() for job in jobs]
    return {
        name: {
            figure: np.concatenate([portion[name][figure] for portion in portions])
            for figure in portions[0][name]
        }
        for name in portions[0]
    }


def names_in(found: Mapping[str, Figures]) -> list[str]:
    """The methods of the catalogue that were judged."""
    return [name for name in PAIR_METHODS if name in found]


def region_checks(where: str, found: Mapping[str, Figures]) -> list[Check]:
    """The best method, chosen on every second pair and measured on the others."""
    checks = []
    for figure in ("top region", "pointing"):
        best = max(names_in(found), key=lambda name: found[name][figure][::2].mean())
        value = float(found[best][figure][1::2].mean())
        checks.append(
            at_least(f"{where}: {figure} of both on the object ({best})", value, REGION_TARGET)
        )
    return checks


def insertion_checks(where: str, found: Mapping[str, Figures]) -> list[Check]:
    """The low end of each method's lead over the two that know nothing."""
    checks = []
    for baseline in (RANDOM, GAUSSIAN):
        lead = leads(found, baseline)
        for name in names_in(found):
            low = lead[name][INSERTION].low
            what = f"{where}: {name} above {baseline}, conditional insertion, low end"
            checks.append(Check(what, low, "> 0", low > 0))
    return checks


def hypotheses(found: Mapping[str, Figures], controls: Mapping[str, Figures]) -> dict[str, object]:
    """What the published work makes one expect; leads with their intervals."""
    cams = [name for name in PAIR_METHODS if name.startswith("interaction-cam")]
    over_layers = leads({name: found[name] for name in (*cams, "layer-cam")}, "layer-cam")
    averaged = leads(
        {name: controls[name] for name in ("averaged-transforms", "input-gradient")},
        "input-gradient",
    )
    return {
        "less drop and more insertion than layer-cam": {
            name: {figure: asdict(lead[figure]) for figure in (INSERTION, DROP)}
            for name, lead in over_layers.items()
        },
        "less sensitive than input-gradient": asdict(
            averaged["averaged-transforms"]["max sensitivity"]
        ),
    }


def failing_tests() -> int:
    """Exit code of the tests: golden arrays, laws, batches, hostile input."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/methods/pairs", "tests/evaluation/pairs", "tests/models/ssl"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode


def show(title: str, means: Mapping[str, Mapping[str, Interval]], figures: Sequence[str]) -> None:
    table = Table("method", *figures, title=title)
    for name, found in means.items():
        cells = [found.get(figure) for figure in figures]
        table.add_row(
            name,
            *("" if each is None else f"{each.value:.3f} ±{_half(each):.3f}" for each in cells),
        )
    Console().print(table)


def _half(interval: Interval) -> float:
    return (interval.high - interval.low) / 2


def measured(encoder: str, share: float) -> tuple[list[Check], dict[str, object]]:
    """Checks and figures of one encoder."""
    plan = PLANS[encoder]
    checks: list[Check] = []
    now = datetime.now(UTC).isoformat(timespec="seconds")
    details: dict[str, object] = asdict(plan) | {"date": now}
    scenes: dict[str, Figures] = {}
    for pictures, part in SHARE.items():
        pairs = max(int(plan.pairs * part * share), 4)
        found = on_all_cores(partial(judged, encoder, pictures), pairs)
        means = mean_figures(found)
        show(f"{encoder}, {pairs} pairs of {pictures}", means, SHOWN)
        where = f"{encoder}, {pictures}"
        if pictures == "scenes":
            scenes = found
            checks += region_checks(where, found) + insertion_checks(where, found)
        details[pictures] = {
            "pairs": pairs,
            "figures": _plain(means),
            "pairs that have the figure": defined_pairs(found),
        }
    if plan.controlled:
        controls = on_all_cores(partial(controlled, encoder, "scenes"), plan.controlled)
        means = mean_figures(controls)
        show(f"{encoder}, controls", means, CONTROLS)
        details["controls"] = _plain(means)
        details["hypotheses"] = hypotheses(scenes, controls)
    return checks, details


def _plain(means: Mapping[str, Mapping[str, Interval]]) -> dict[str, object]:
    return {
        name: {figure: asdict(each) for figure, each in found.items()}
        for name, found in means.items()
    }


def kept(asked: Sequence[str]) -> tuple[list[Check], dict[str, object]]:
    """Checks and figures of the encoders that are not asked for, as they were found before."""
    found = recorded(__file__)
    details = {
        name: {"date": found["date"]} | each
        for name, each in found.get("details", {}).items()
        if name not in asked
    }
    checks = [Check(**each) for each in found.get("checks", ())]
    return [each for each in checks if each.name.split(",")[0] in details], details


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the planned pairs")
    parser.add_argument("--encoder", nargs="+", choices=list(PLANS), default=list(PLANS))
    parser.add_argument("--dry", action="store_true", help="print the checks and write nothing")
    asked = parser.parse_args(arguments)
    checks, details = ([], {}) if asked.dry else kept(asked.encoder)
    for encoder in asked.encoder:
        found, figures = measured(encoder, asked.share)
        checks += found
        details[encoder] = figures
        if not asked.dry:
            record(__file__, checks, details=details)
    if asked.dry:
        print(*checks, sep="\n")
        return
    checks.append(at_most(TESTS, failing_tests(), 0))
    record(__file__, checks, details=details)


if __name__ == "__main__":
    main()
