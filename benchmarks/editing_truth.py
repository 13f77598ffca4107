"""Are captions mended by looking at the picture, and is what is right left alone?

Run `python benchmarks/editing_truth.py [--folder DIR]`, about half an hour on two cores: all
editors are trained by their recipe, those of the grid and of the boxes, one that does not see the
caption, and one by reward. With --folder trainings stay there and are not repeated. Pictures and
sentences come from a split that no training sees, and from a seed that no recipe uses.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from _record import Check, at_least, at_most, record
from rich.console import Console
from rich.table import Table

from seewhy.data.editing.corruption import CORRUPTIONS
from seewhy.data.editing.drawn import drawn_edits, edit_scenes
from seewhy.data.editing.records import EditRecord, Words
from seewhy.evaluation.captions.cider import cider
from seewhy.evaluation.captions.items import Items
from seewhy.evaluation.editing.drawn import drawn_repairs
from seewhy.evaluation.editing.repairs import Repairs
from seewhy.evaluation.editing.shuffles import partners
from seewhy.evaluation.weighted import Interval, RowMeans, intervals
from seewhy.models.editing.config import editor_config
from seewhy.models.editing.decoding import DecodeOptions
from seewhy.models.editing.editor import CaptionEditor
from seewhy.models.editing.features import ImageFeatures
from seewhy.models.editing.sources import load_source
from seewhy.models.editing.storage import EditorParts, load_editor_parts, save_editor
from seewhy.models.editing.words import UNKNOWN
from seewhy.training.editing.batches import EditBatch, EditExamples
from seewhy.training.editing.judging import Judge
from seewhy.training.editing.material import drawn_material
from seewhy.training.editing.members import MemberTraining, new_networks
from seewhy.training.editing.presets import (
    TINY,
    Changes,
    NetworkChoice,
    Phase,
    SourceKind,
)
from seewhy.training.editing.run import EditorTraining, Machine, train_editor

SEED = 7
CAPTIONS = 2000
EXACT, LEAD, LOST, KEPT, MINUTES = 0.90, 0.50, 0.50, 0.98, 20.0
ROOM_STEPS = 220
BLIND = "image only, grid"
GREEDY = DecodeOptions("greedy", batch=128)
ROOT = Path(__file__).parents[1]
TESTS = (
    *("tests/models/editing", "tests/data/editing", "tests/training/editing"),
    *("tests/evaluation/editing", "tests/evaluation/captions"),
)


@dataclass(frozen=True)
class Plan:
    """One training: `steps` None is the recipe's, `start` a plan's name."""

    network: NetworkChoice
    source: SourceKind
    phase: Phase = "xe"
    steps: int | None = None
    start: str | None = None


PLANS: Mapping[str, Plan] = {
    "grid": Plan("ensemble", "grid"),
    "boxes": Plan("ensemble", "boxes"),
    "look-modify, grid": Plan("look-modify", "grid"),
    "look-modify, boxes": Plan("look-modify", "boxes"),
    "early": Plan("editnet", "boxes", steps=ROOM_STEPS),
}
REWARDED: Mapping[str, Plan] = {
    "early, rewarded": Plan("editnet", "boxes", phase="rl", start="early"),
}


def trained(folder: Path, name: str, plan: Plan) -> float:
    """Train an editor unless that was done; returns the minutes that it took."""
    home, clock = folder / name, folder / f"{name}.minutes"
    if clock.is_file():
        return float(clock.read_text())
    training = EditorTraining(
        network=plan.network,
        phase=plan.phase,
        source=plan.source,
        start=None if plan.start is None else folder / plan.start,
        changes=Changes(steps=plan.steps),
    )
    started = time.perf_counter()
    train_editor(training, home, machine=Machine(halves=plan.network == "ensemble"))
    minutes = (time.perf_counter() - started) / 60
    clock.write_text(str(minutes))
    return minutes


@dataclass(frozen=True)
class Blank:
    """Examples whose captions are one unknown word: all there is to know is in the picture."""

    examples: EditExamples
    unknown: int

    @property
    def epoch(self) -> float | None:
        """As of the examples."""
        return self.examples.epoch

    def batch(self, number: int) -> EditBatch:
        """The same pictures and truths."""
        batch = self.examples.batch(number)
        ones = torch.ones_like(batch.inputs.lengths)
        captions = ones[:, None] * self.unknown
        return replace(batch, inputs=replace(batch.inputs, captions=captions, lengths=ones))


def trained_on_images_alone(folder: Path, name: str) -> float:
    """The same network, recipe and pictures, without any caption to read."""
    home, clock = folder / name, folder / f"{name}.minutes"
    if clock.is_file():
        return float(clock.read_text())
    started = time.perf_counter()
    torch.set_num_threads(TINY.threads or 1)
    seen = drawn_material(TINY, load_source(TINY.sight.source("grid", None)))
    records = tuple(replace(each, caption=(UNKNOWN,)) for each in seen.validation.records)
    material = replace(
        seen,
        examples=lambda size: Blank(seen.examples(size), seen.writer.vocabulary.unknown),
        validation=replace(seen.validation, records=records),
    )
    networks = new_networks(TINY, "editnet", material, seed=0)
    judge = Judge(material.writer)
    MemberTraining(TINY, "xe", material, judge, {}).train(networks[0], home / "training")
    config = editor_config(
        networks=(networks[0].config,), source=material.source, longest=material.writer.longest
    )
    save_editor(home, EditorParts(config, material.writer.vocabulary, networks))
    minutes = (time.perf_counter() - started) / 60
    clock.write_text(str(minutes))
    return minutes


def all_trained(folder: Path) -> dict[str, float]:
    """The minutes of every training; as many go on side by side as there are cores."""
    folder.mkdir(parents=True, exist_ok=True)
    minutes: dict[str, float] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=context) as pool:
        blind = pool.submit(trained_on_images_alone, folder, BLIND)
        for plans in (PLANS, REWARDED):
            jobs = {name: pool.submit(trained, folder, name, plan) for name, plan in plans.items()}
            minutes |= {name: job.result() for name, job in jobs.items()}
        minutes[BLIND] = blind.result()
    return minutes


@dataclass(frozen=True)
class Cases:
    """Captions with planted faults beside their pictures."""

    count: int

    @cached_property
    def records(self) -> tuple[EditRecord, ...]:
        """With faults, their truths and boxes."""
        return tuple(drawn_edits(self.count, seed=SEED, split="test"))

    @cached_property
    def captions(self) -> list[str]:
        """As a user would give them."""
        return [" ".join(each.caption) for each in self.records]

    def features(self, editor: CaptionEditor) -> list[ImageFeatures]:
        """What the editor sees of each picture."""
        found: list[ImageFeatures] = []
        scenes = list(edit_scenes(self.count, seed=SEED, split="test"))
        for start in range(0, self.count, 64):
            chunk = scenes[start : start + 64]
            found += editor.features_of([s.image() for s in chunk], [s.boxes for s in chunk])
        return found

    def judged(self, edited: Sequence[Words]) -> Repairs:
        """What was mended and broken."""
        return drawn_repairs(self.records, edited, seed=SEED)

    def cider(self, edited: Sequence[Words]) -> np.ndarray:
        """CIDEr-D of each caption, with the frequencies of all truths."""
        truths = tuple(each.truths for each in self.records)
        return cider(Items(tuple(range(self.count)), tuple(edited), truths))


@dataclass(frozen=True)
class Asked:
    """An editor, what it sees, and what it makes of captions."""

    parts: EditorParts
    seen: list[ImageFeatures]

    @classmethod
    def of(cls, source: Path | str, cases: Cases) -> "Asked":
        """An editor that has looked at all pictures."""
        parts = load_editor_parts(source)
        return cls(parts, cases.features(CaptionEditor(parts)))

    def edited(
        self, captions: Sequence[str], *, images: Sequence[int] | None = None
    ) -> list[Words]:
        """Greedily; `images` are the places of the pictures to look at."""
        seen = self.seen if images is None else [self.seen[place] for place in images]
        return [
            each.words for each in CaptionEditor(self.parts).edit(seen, captions, options=GREEDY)
        ]

    def alone(self, captions: Sequence[str]) -> dict[str, list[Words]]:
        """What each network of an ensemble writes by itself."""
        kinds = [each.kind for each in self.parts.config.networks]
        if len(kinds) == 1:
            return {}
        return {kind: self._only(place).edited(captions) for place, kind in enumerate(kinds)}

    def _only(self, place: int) -> "Asked":
        config = self.parts.config
        alone = config.model_copy(update={"networks": (config.networks[place],), "weights": None})
        parts = replace(self.parts, config=alone, networks=(self.parts.networks[place],))
        return Asked(parts, self.seen)


def ensemble_checks(
    name: str, asked: Asked, cases: Cases, blind: Repairs
) -> tuple[list[Check], dict[str, Repairs]]:
    """Every target of an editor that sees and reads."""
    found = cases.judged(asked.edited(cases.captions))
    places = partners([each.truth for each in cases.records], seed=SEED)
    others = [cases.captions[place] for place in places]
    by_caption = cases.judged(asked.edited(others))
    by_image = cases.judged(asked.edited(cases.captions, images=places.tolist()))
    exact = found.figures["exact"].value
    worst = min(CORRUPTIONS, key=lambda kind: found.kinds[kind].gain.low)
    checks = [
        at_least(f"{name}: exact captions", exact, EXACT),
        at_least(f"{name}: lead over leaving captions alone", found.figures["gain"].value, LEAD),
        at_least(
            f"{name}: lead over an image-only captioner",
            exact - blind.figures["exact"].value,
            LEAD,
        ),
        at_least(
            f"{name}: lost with captions shuffled", exact - by_caption.figures["exact"].value, LOST
        ),
        at_least(
            f"{name}: lost with images shuffled", exact - by_image.figures["exact"].value, LOST
        ),
        at_least(f"{name}: clean captions kept", found.figures["clean kept"].value, KEPT),
        Check(
            f"{name}: repaired less harmed, low end, worst kind ({worst})",
            found.kinds[worst].gain.low,
            "> 0",
            found.kinds[worst].gain.low > 0,
        ),
    ]
    alone = {kind: cases.judged(words) for kind, words in asked.alone(cases.captions).items()}
    rows = {name: found, **{f"{name}, {kind} alone": each for kind, each in alone.items()}}
    return checks, {
        **rows,
        f"{name}, captions shuffled": by_caption,
        f"{name}, images shuffled": by_image,
    }


def reward_check(folder: Path, cases: Cases) -> tuple[Check, dict[str, float]]:
    """Mean CIDEr-D of an editor that stopped early, before and after learning by reward."""
    scores = {
        name: cases.cider(Asked.of(folder / name, cases).edited(cases.captions))
        for name in ("early", "early, rewarded")
    }
    gain = scores["early, rewarded"] - scores["early"]
    rows = RowMeans(np.arange(len(gain)), {"gain": gain})
    found = intervals(rows, len(gain), resamples=1000, seed=SEED)["gain"]
    name = "CIDEr-D gained by reward where learning stopped early, low end"
    return Check(name, found.low, "> 0", found.low > 0), {
        each: float(values.mean()) for each, values in scores.items()
    }


def failing_tests() -> int:
    """Exit code of the tests: golden arrays and gradients, batches, order, beams, resuming."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode


def show(rows: Mapping[str, Repairs]) -> None:
    columns = ("exact", "clean kept", "repaired")
    table = Table("editor", *columns, title="share of captions, per cent")
    for name, found in rows.items():
        table.add_row(name, *(_cell(found.figures[column]) for column in columns))
    kinds = Table("fault", "captions", "mended", "broken elsewhere", title="grid")
    for kind in CORRUPTIONS:
        each = rows["grid"].kinds[kind]
        kinds.add_row(kind, str(each.faulty), _cell(each.mended), _cell(each.broken))
    Console().print(table, kinds)


def _cell(interval: Interval) -> str:
    half = 50 * (interval.high - interval.low)
    return f"{100 * interval.value:.1f} ±{half:.1f}"


def _plain(found: Repairs) -> dict[str, object]:
    return {
        "figures": {name: asdict(each) for name, each in found.figures.items()},
        "kinds": {
            kind: {name: asdict(value) for name, value in vars(each).items() if name != "faulty"}
            for kind, each in found.kinds.items()
            if each.faulty
        },
    }


def measured(folder: Path, count: int, *, shipped: str) -> tuple[list[Check], dict[str, object]]:
    minutes = all_trained(folder)
    cases = Cases(count)
    blind = cases.judged(Asked.of(folder / BLIND, cases).edited([UNKNOWN] * cases.count))
    rows: dict[str, Repairs] = {
        "leaving captions alone": cases.judged([each.caption for each in cases.records]),
        BLIND: blind,
    }
    checks: list[Check] = []
    sources: dict[str, Path | str] = {
        "grid": folder / "grid",
        "boxes": folder / "boxes",
        shipped: shipped,
    }
    for name, source in sources.items():
        found, more = ensemble_checks(name, Asked.of(source, cases), cases, blind)
        checks, rows = checks + found, rows | more
    for name in ("look-modify, grid", "look-modify, boxes"):
        rows[name] = cases.judged(Asked.of(folder / name, cases).edited(cases.captions))
        checks.append(at_least(f"{name}: exact captions", rows[name].figures["exact"].value, EXACT))
    check, scores = reward_check(folder, cases)
    for name in ("grid", "boxes"):
        checks.append(
            at_most(f"{name}: minutes of training, both networks", minutes[name], MINUTES)
        )
    show(rows)
    return [*checks, check], {
        "captions": count,
        "editors": {name: _plain(each) for name, each in rows.items()},
        "CIDEr-D": scores,
        "minutes of training, two at a time": minutes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where trainings stay")
    parser.add_argument("--shipped", default="embedded:editor-tiny")
    parser.add_argument("--captions", type=int, default=CAPTIONS)
    parser.add_argument("--dry", action="store_true", help="print the checks and write nothing")
    asked = parser.parse_args()
    run: Callable[[Path], tuple[list[Check], dict[str, object]]] = partial(
        measured, count=asked.captions, shipped=asked.shipped
    )
    if asked.folder is None:
        with tempfile.TemporaryDirectory() as folder:
            checks, details = run(Path(folder))
    else:
        checks, details = run(asked.folder)
    if asked.dry:
        print(*checks, sep="\n")
        return
    checks.append(at_most("exit code of the tests of editors", failing_tests(), 0))
    record(__file__, checks, details=details)


if __name__ == "__main__":
    main()
