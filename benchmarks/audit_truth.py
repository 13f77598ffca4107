"""Is the audit right? Verdicts on planted classifiers, exactness of the parts, time and memory.

Run `python benchmarks/audit_truth.py [--seeds 10]`; about 20 minutes on two cores.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from _measure import measured
from _record import Check, at_least, at_most, record
from torch.nn import functional

from seewhy.audit.demo import run_demo
from seewhy.audit.schema import Verdict
from seewhy.data.digits import DigitExperiment
from seewhy.methods.grafting.matching import match_units
from seewhy.methods.grafting.stacks import captured_maps
from seewhy.models.embedded import EMBEDDED, embedded_folder
from seewhy.models.load import load_model
from seewhy.training.cards import zero_shot_scores
from seewhy.training.recipes import RECIPES

RIGHT = {"biased": "colour", "unbiased": "shape", "untrained": None}
IMAGES = ("field", "development")
DIRECT_IMAGES = 24


def verdicts(seeds: int, encoder: str) -> tuple[list[Check], list[dict[str, object]]]:
    """Demo verdicts for every seed, on field and on development images."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        parts = pool.map(verdicts_of_seed, range(seeds), [encoder] * seeds)
        rows = [row for part in parts for row in part]
    identity = max(float(row["identity graft"]) for row in rows)
    checks = [at_most("identity graft, largest change of a similarity", identity, 1e-6)]
    for images in IMAGES:
        chosen = [row for row in rows if row["images"] == images]
        trained = sum(bool(row["right"]) for row in chosen if row["model"] != "untrained")
        untrained = sum(bool(row["right"]) for row in chosen if row["model"] == "untrained")
        checks += [
            at_least(f"verdicts right, {images} images, of {2 * seeds}", trained, 2 * seeds),
            at_least(f"untrained undecided, {images} images, of {seeds}", untrained, seeds),
        ]
    return checks, rows


def verdicts_of_seed(seed: int, encoder: str) -> list[dict[str, object]]:
    """The verdicts on the classifiers of one seed, on both sets of images."""
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for images in IMAGES:
            result = run_demo(
                seed=seed,
                output=Path(folder),
                images=images,
                kinds=tuple(RIGHT),
                encoder=encoder,
            )
            rows += [judged(verdict, images, seed) for verdict in result.verdicts]
    return rows


def judged(verdict: Verdict, images: str, seed: int) -> dict[str, object]:
    """One verdict as a row of the details."""
    row = {
        "images": images,
        "seed": seed,
        "model": verdict.model,
        "dominant": verdict.dominant,
        "right": verdict.dominant == RIGHT[verdict.model],
        "effect": verdict.effect,
        "p_value": verdict.p_value,
        "identity graft": identity_change(verdict),
        "shares": {
            row.name: {group: share.value for group, share in row.shares.items()}
            for row in verdict.evidence
        },
        "reason": verdict.reason,
    }
    print({key: value for key, value in row.items() if key != "shares"}, flush=True)
    return row


def identity_change(verdict: Verdict) -> float:
    """What the identity graft changed."""
    return next(c.value or 0.0 for c in verdict.controls if c.name == "identity graft")


def exactness(encoder_name: str) -> list[Check]:
    """Matching against the direct formula, and between batch sizes."""
    encoder = load_model(encoder_name)
    source = load_model("torchvision:resnet18/random-weights")
    records = DigitExperiment().records("held-out", "random")[:DIRECT_IMAGES]
    images = [record.read() for record in records]
    ours = torch.stack([source.preprocess(image.resize((64, 64))) for image in images])
    theirs = torch.stack([encoder.preprocess(image) for image in images])
    sites = source.sites()

    def scores(batch: int) -> torch.Tensor:
        pairs = zip(ours.split(batch), theirs.split(batch), strict=True)
        matched = match_units(source, encoder, list(pairs), sites=sites)
        return torch.cat([stage.score for stage in matched.stages])

    whole = scores(DIRECT_IMAGES)
    direct = direct_scores(
        captured_maps(source, sites, ours), captured_maps(encoder, encoder.stages(), theirs)
    )
    return [
        at_most("matching against the direct form", float((whole - direct).abs().max()), 1e-5),
        at_most("matching, batches of 5 against 24", float((whole - scores(5)).abs().max()), 1e-5),
    ]


def direct_scores(source: list[torch.Tensor], target: list[torch.Tensor]) -> torch.Tensor:
    """The best of every target unit, with both maps resized and multiplied in full."""

    def standardised(maps: torch.Tensor) -> torch.Tensor:
        maps = maps.double()
        std, mean = torch.std_mean(maps, dim=(0, 2, 3), correction=0, keepdim=True)
        return (maps - mean) / (std + 1e-5)

    best = []
    for maps in target:
        rows = []
        for others in source:
            size = tuple(max(pair) for pair in zip(maps.shape[2:], others.shape[2:], strict=True))
            one, two = (
                functional.interpolate(standardised(each), size=size, mode="bilinear")
                for each in (others, maps)
            )
            rows.append(torch.einsum("nixy,njxy->ij", one, two) / one[:, 0].numel())
        best.append(torch.cat(rows).max(dim=0).values)
    return torch.cat(best)


def encoders() -> list[Check]:
    """Held-out zero-shot accuracy and size of what ships."""
    checks = []
    size = 0.0
    for name in EMBEDDED:
        encoder = load_model(f"embedded:{name}")
        groups = RECIPES[name].groups
        scores = zero_shot_scores(encoder.module, encoder.tokenizer, images=1000, groups=groups)
        size += sum(path.stat().st_size for path in embedded_folder(name).iterdir()) / 2**20
        for group in ("digits: value", "colour", "shape"):
            checks.append(at_least(f"{name}, {group}", scores[group], 0.97))
        others = ("texture", "background colour", "background texture", "size")
        for group in (group for group in others if group in groups):
            checks.append(at_least(f"{name}, {group}", scores[group], 0.90))
    return [*checks, at_most("size of the embedded encoders, MB", size, 24)]


def demo_cost() -> list[Check]:
    """`seewhy demo` in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(sys.executable).with_name("seewhy"))
        command = [program, "demo", "--output", folder]
        cost = measured(command)
        document = json.loads((Path(folder) / "audit.json").read_text())
    named = {verdict["model"]: verdict["dominant"] for verdict in document["verdicts"]}
    is_right = all(named[kind] == RIGHT[kind] for kind in named)
    return [
        at_least("seewhy demo, verdicts right", float(is_right), 1),
        at_most("seewhy demo, seconds", cost.seconds, 90),
        at_most("seewhy demo, GB", cost.gigabytes, 3),
    ]


FULL_SIZE = """
from sklearn.datasets import load_sample_images
import numpy as np, seewhy
from PIL import Image
from seewhy.data.records import ImageRecord
photographs = load_sample_images().images
def crop(number):
    photograph = Image.fromarray(photographs[number % 2])
    left, top = (37 * number) % 300, (23 * number) % 200
    return photograph.crop((left, top, left + 224, top + 224))
records = [ImageRecord(id=str(n), read=lambda n=n: crop(n)) for n in range(64)]
concepts = {"scene": {"flower": ["a photo of a flower"], "temple": ["a photo of a temple"]},
            "colour": {"red": ["a red photo"], "blue": ["a blue photo"]}}
seewhy.audit("torchvision:resnet50/random-weights", records, concepts,
             encoder="open_clip:RN50/random-weights",
             settings=seewhy.AuditSettings(controls=3, probe_images=64, batch_size=8))
"""


def full_size() -> list[Check]:
    """ResNet-50 against CLIP RN50, random weights, 64 images of 224 pixels."""
    cost = measured([sys.executable, "-c", FULL_SIZE])
    print(f"full-size run: {cost.seconds:.0f} s")
    return [at_most("full-size run, GB", cost.gigabytes, 4)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--encoder", default="embedded:clip-resnet")
    options = parser.parse_args()
    # The timed part comes first, alone on the machine.
    checks = [*demo_cost(), *exactness(options.encoder), *full_size()]
    right, rows = verdicts(options.seeds, options.encoder)
    record(__file__, [*checks, *right, *encoders()], details=rows)


if __name__ == "__main__":
    main()
