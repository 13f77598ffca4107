"""Are the words of a part those of the object that lies there, and do they tell good encoders?

Run `python benchmarks/concepts_truth.py [--scenes 300]`. About 15 minutes on two cores, most of
them for the training of small encoders; `--encoders FOLDER` keeps these between runs.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from _record import Check, at_least, at_most, record
from rich.console import Console
from rich.table import Table

from seewhy.data.banks import ConceptBank
from seewhy.data.claims import Claim, canonical_phrase
from seewhy.data.scenes import (
    COLOURS,
    KINDS,
    DrawnScene,
    Scene,
    SceneObject,
    draw_scene,
    random_scene,
)
from seewhy.data.shipped_banks import object_texts
from seewhy.evaluation.encoder_comparison import EncoderFigures, relation
from seewhy.methods.mutual_knowledge.assignment import Assigning
from seewhy.methods.mutual_knowledge.dynamics import summarised
from seewhy.methods.mutual_knowledge.knowledge import Asked, SeenImage
from seewhy.methods.mutual_knowledge.method import MutualKnowledge
from seewhy.methods.mutual_knowledge.seeing import Seeing
from seewhy.models.load import load_dual_encoder
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.passes.prompts import PromptEnsemble
from seewhy.training.encoders import train_encoder

SEED = 11
OPENING = "a photo of "
ATTRIBUTES = ("kind", "colour", "texture")
FEWEST_PIXELS = 30
SHIPPED = ("clip-objects", "clip-vit", "clip-resnet")
STEPS = (30, 80, 200, 500)
DAMAGE = (0.2, 0.4, 0.6, 0.8)
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Drawn:
    """A held-out scene and its picture."""

    scene: Scene
    picture: DrawnScene


def drawn_scenes(count: int, *, most: int, side: int) -> list[Drawn]:
    """Scenes of one to `most` objects that no training has seen."""
    generator = np.random.default_rng([SEED, most])
    scenes = [
        random_scene(generator, objects=int(generator.integers(1, most + 1)), split="held-out")
        for _ in range(count)
    ]
    return [Drawn(scene, draw_scene(scene, side)) for scene in scenes]


def words_of(item: SceneObject) -> tuple[str, ...]:
    """What has to be said of an object: its shape or the value of its digit, colour, texture."""
    return item.kind, item.colour, item.texture


def named_share(
    encoder: OpenClipEncoder, scenes: Sequence[Drawn], seeing: Seeing, texts: Sequence[str]
) -> dict[str, float]:
    """Of all objects, how many have each attribute, and all, in the three words of their part.

    An object's part is the one that overlaps it most; without a part nothing is named.
    """
    method = MutualKnowledge(seeing, expected=5, template=OPENING + "{}")
    asked = asked_of(encoder, method, [plain(Claim(kind=kind)) for kind in KINDS], texts)
    rows = [
        _is_named(asked, seen, each.picture.masks[number], words_of(item))
        for each, seen in zip(
            scenes, method.look(asked, [each.picture.image for each in scenes]), strict=True
        )
        for number, item in enumerate(each.scene.objects)
        if each.picture.masks[number].sum() >= FEWEST_PIXELS
    ]
    table = np.array(rows)
    spread = 1.96 * float(table.all(axis=1).std()) / len(table) ** 0.5
    shares = dict(zip(ATTRIBUTES, table.mean(axis=0).tolist(), strict=True))
    return shares | {"all": float(table.all(axis=1).mean()), "±": spread, "objects": len(table)}


def asked_of(
    encoder: OpenClipEncoder, method: MutualKnowledge, classes: Sequence[str], texts: Sequence[str]
) -> Asked:
    """Classes and texts, both after the opening words that the encoders learned."""
    prompts = PromptEnsemble(encoder, [OPENING + "{}"])
    return method.ask(encoder, classes, ConceptBank(tuple(texts), "drawn objects"), prompts=prompts)


def plain(claim: Claim) -> str:
    """A claim without the opening words."""
    return canonical_phrase(claim).removeprefix(OPENING)


def _is_named(asked: Asked, seen: SeenImage, mask: np.ndarray, wanted: Sequence[str]) -> list[bool]:
    overlaps = [_overlap(seen.labels == part.label, mask) for part in seen.parts]
    if not overlaps or max(overlaps) == 0:
        return [False] * len(ATTRIBUTES)
    ids = seen.texts.ids[int(np.argmax(overlaps))].tolist()
    said = set(" ".join(asked.words(ids)).split())
    return [word in said for word in wanted]


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


def procedures() -> dict[str, Seeing]:
    """Objects as here, with other ways of one step each, and parts as published, mended."""
    ours = Seeing.objects()
    similar = Assigning(ranking="similarity")
    return {
        "objects": ours,
        "objects, plain similarity": replace(ours, assigning=similar),
        "objects, pointed at": replace(ours, naming="pointing", assigning=similar),
        "objects, no refinement": replace(ours, refinement="none"),
        "five clusters, alone": replace(ours, finding="svd", part_method="kmeans"),
        "parts, plain similarity": Seeing(assigning=similar),
        "parts (published, mended)": Seeing(),
    }


def figures(encoder: OpenClipEncoder, name: str, count: int) -> EncoderFigures:
    """Accuracy over all colours of all kinds, and MI and its area over single attributes.

    A class such as "a red circle" stands in no text of the bank.
    """
    scenes = drawn_scenes(count, most=1, side=side_of(encoder))
    claims = [Claim(kind=kind, colour=colour) for kind in KINDS for colour in COLOURS]
    method = MutualKnowledge(Seeing.objects(), expected=5, template=OPENING + "{}")
    asked = asked_of(encoder, method, [plain(claim) for claim in claims], object_texts(most=1))
    curves, right = [], []
    for each, seen in zip(
        scenes, method.look(asked, [each.picture.image for each in scenes]), strict=True
    ):
        (item,) = each.scene.objects
        winner = claims[seen.predicted]
        right.append((winner.kind, winner.colour) == (item.kind, item.colour))
        curves.append(method.against(asked, seen, seen.predicted).curve)
    found = summarised(curves)
    family = name.split(",", maxsplit=1)[0]
    accuracy = float(np.mean(right))
    return EncoderFigures(name, family, accuracy, found.start.value, found.area.value)


def encoders(folder: Path) -> Iterator[tuple[str, OpenClipEncoder]]:
    """Those that ship, one of them less and less intact, and one that has just begun to learn."""
    for name in SHIPPED:
        yield name, load_dual_encoder(f"embedded:{name}")
    for share in DAMAGE:
        yield f"clip-objects, {share:.0%} noise", damaged(share)
    for steps in STEPS:
        place = folder / f"steps-{steps}"
        if not (place / "model.safetensors").exists():
            train_encoder("clip-objects", place, steps=steps, seed=SEED)
        yield f"clip-objects, {steps} steps", load_dual_encoder(f"open_clip-dir:{place}")


def side_of(encoder: OpenClipEncoder) -> int:
    """The side of its input in pixels."""
    own = encoder.preprocessing
    assert isinstance(own, Preprocessing)
    assert isinstance(own.size, int)
    return own.size


def damaged(share: float) -> OpenClipEncoder:
    """The encoder whose image side has noise of a share of each matrix' own deviation."""
    encoder = load_dual_encoder("embedded:clip-objects")
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for weight in encoder.module.visual.parameters():
            if weight.ndim > 1:
                noise = torch.randn(weight.shape, generator=generator)
                weight.add_(noise * weight.std(), alpha=share)
    return encoder


def compared(folder: Path, count: int) -> tuple[list[Check], dict[str, object]]:
    """Whether encoders with a larger area classify better."""
    rows = [figures(encoder, name, count) for name, encoder in encoders(folder)]
    table = Table("encoder", "accuracy", "MI", "AUC", title="encoders")
    for row in rows:
        table.add_row(row.name, *(f"{x:.3f}" for x in (row.accuracy, row.information, row.area)))
    Console().print(table)
    found = relation(rows, figure="area", seed=SEED)
    checks = [
        at_least("encoders compared", len(rows), 8),
        Check(
            "correlation of accuracy and MI-AUC (Pearson)",
            found.pearson.value,
            "> 0, with its interval",
            found.pearson.low > 0,
        ),
    ]
    return checks, {
        "encoders": [vars(row) for row in rows],
        "pearson": vars(found.pearson),
        "spearman": vars(found.spearman),
        "line": {"slope": found.slope, "intercept": found.intercept},
    }


def named(count: int) -> tuple[list[Check], dict[str, object]]:
    """What every procedure says of objects, out of two banks."""
    encoder = load_dual_encoder("embedded:clip-objects")
    scenes = drawn_scenes(count, most=3, side=side_of(encoder))
    banks = {"words of objects": object_texts(), "single words": object_texts(most=1)}
    found = {
        (name, bank): named_share(encoder, scenes, seeing, texts)
        for name, seeing in procedures().items()
        for bank, texts in banks.items()
    }
    table = Table("procedure", "bank", *ATTRIBUTES, "all", "±", title="top three words")
    for (name, bank), shares in found.items():
        figures_told = (f"{shares[each]:.3f}" for each in (*ATTRIBUTES, "all", "±"))
        table.add_row(name, bank, *figures_told)
    Console().print(table)
    shipped, single = (found["objects", bank]["all"] for bank in banks)
    similar = found["objects, plain similarity", "single words"]["all"]
    checks = [
        at_least("objects with all true words in the top three, bank that ships", shipped, 0.85),
        at_least("the same, 28 single words, plain similarity", similar, 0.85),
        at_least("the same, 28 single words, as by default", single, 0.85),
    ]
    return checks, {"named": {f"{name}; {bank}": each for (name, bank), each in found.items()}}


def failing_tests() -> int:
    """Tests of the method that fail: golden vectors, single images, no foreground, tiny regions."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/methods/mutual_knowledge"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--encoders", type=Path, help="where trained encoders are kept")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as spare:
        checks, details = named(options.scenes)
        more, others = compared(options.encoders or Path(spare), options.scenes)
    record(
        __file__,
        [*checks, *more, at_most("exit code of the tests of the method", failing_tests(), 0)],
        details={"scenes": options.scenes, **details, **others},
    )


if __name__ == "__main__":
    main()
