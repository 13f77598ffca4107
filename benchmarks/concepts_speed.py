"""What does an image cost beside the published procedure, written down plainly?

Untrained encoders in open_clip's sizes, crops of photographs, a bank of 4,000 texts. Run `python
benchmarks/concepts_speed.py [--images 100] [--plain 5]`; about 15 minutes on two idle cores. The
plain procedure has no part of ours but what has no plain form: the random field of edges, the
ellipses and the red lines, which cost it what they cost here.
"""

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from _images import SIDE, photographs
from _record import Check, at_least, record
from PIL import Image
from rich.console import Console
from rich.table import Table
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from seewhy.data.banks import ConceptBank
from seewhy.data.shipped_banks import shipped_texts
from seewhy.methods.mutual_knowledge.assignment import Assigning, assigned_texts
from seewhy.methods.mutual_knowledge.drawing import drawn
from seewhy.methods.mutual_knowledge.knowledge import Asked
from seewhy.methods.mutual_knowledge.method import MutualKnowledge
from seewhy.methods.mutual_knowledge.refinement import refined
from seewhy.methods.mutual_knowledge.shapes import Bounding, bounded_parts
from seewhy.methods.mutual_knowledge.visual_prompts import visual_prompts
from seewhy.models.load import load_dual_encoder
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.passes.prompts import PromptEnsemble

SEED = 3
TEXTS = 4000
PRESELECTED, OFFSET, ROUNDS, PARTS, BEST = 500, 0.02, 1000, 5, 3
CLASSES = ("cat", "cup", "rocket", "astronaut", "flower", "temple")
ENCODERS = ("open_clip:ViT-B-32/random-weights", "open_clip:ViT-B-16/random-weights")
WANTED = 10


@dataclass(frozen=True)
class PlainTexts:
    """What the plain procedure found for each part, and among how many candidates."""

    words: list[list[int]]
    candidates: int
    parts: Tensor
    whole: Tensor


class PlainProcedure:
    """The released code's steps for one image after the other, each candidate text anew."""

    def __init__(self, encoder: OpenClipEncoder, asked: Asked) -> None:
        own = encoder.preprocessing
        if not isinstance(own, Preprocessing):
            raise TypeError(encoder.name)
        self.encoder, self.asked, self.own = encoder, asked, own
        self.texts = asked.bank.bank.texts

    def image(self, image: Image.Image) -> PlainTexts:
        """Everything for one image."""
        pixels = self.encoder.preprocess(image)[None]
        tokens, whole = self._tokens(pixels)
        parts, shown = self._parts(tokens, pixels)
        return self.part_texts(self._embedded(parts, shown), whole)

    def part_texts(self, parts: Tensor, whole: Tensor) -> PlainTexts:
        """Preselection, relevance of raw texts, transport, and the relevance of what was found."""
        similar = parts @ self.asked.rows.shown.T
        nearest = similar.topk(PRESELECTED, dim=1).indices.tolist()
        shared = sorted(set(nearest[0]).intersection(*nearest[1:]))
        raw = self.encoder.encode_texts([self.texts[number] for number in shared])
        relevance = (whole @ raw.T)[0]
        kept = [
            number
            for number, value in zip(shared, relevance.tolist(), strict=True)
            if value > float(relevance.mean()) - OFFSET
        ]
        shown = self.encoder.encode_texts([f"a photo showing {self.texts[each]}" for each in kept])
        plan = torch.exp(2.5 * parts @ shown.T)
        for _ in range(ROUNDS):
            plan = plan / plan.sum(dim=1, keepdim=True)
            plan = plan / plan.sum(dim=0, keepdim=True)
        best = plan.topk(BEST, dim=1).indices.tolist()
        words = [[kept[place] for place in row] for row in best]
        found = list(dict.fromkeys(word for row in words for word in row))
        self.encoder.encode_texts([self.texts[each] for each in found])
        return PlainTexts(words, len(shared), parts, whole)

    def _tokens(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        kept: list[Tensor] = []
        visual = self.encoder.module.visual
        hook = visual.transformer.register_forward_hook(
            lambda _module, _inputs, output: kept.append(output)
        )
        whole = self.encoder.encode_images(pixels)
        hook.remove()
        patches = kept[0][0, 1:]
        side = round(len(patches) ** 0.5)
        return patches.reshape(side, side, -1).float().clone(), whole

    def _parts(self, tokens: Tensor, pixels: Tensor) -> tuple[np.ndarray, Tensor]:
        rows = functional.normalize(tokens.flatten(0, 1), dim=-1)
        left = torch.linalg.svd(rows, full_matrices=False).U[:, 1]
        left = -left if (left > 0).float().mean() > 0.5 else left
        mask = _largest((left > 0).reshape(tokens.shape[:2]).numpy())
        labels = np.full(mask.shape, -1)
        labels[mask] = _k_means(rows[torch.from_numpy(mask.ravel())], PARTS)
        mean, std = (torch.tensor(each)[:, None, None] for each in (self.own.mean, self.own.std))
        shown = ((pixels * std + mean).clamp(0, 1) * 255).to(torch.uint8)
        scale = pixels.shape[2] // len(labels)
        large = np.kron(labels, np.ones((scale, scale), dtype=int))
        fine = refined(torch.from_numpy(large >= 0)[None], shown.permute(0, 2, 3, 1))[0].numpy()
        return np.where(fine, large, -1)[None], shown

    def _embedded(self, labels: np.ndarray, shown: Tensor) -> Tensor:
        bounding = Bounding(patch=1, protocol="published")
        prompts = visual_prompts(shown, drawn(bounded_parts(labels, bounding)))
        rows = []
        for part in prompts:
            pictures = [Image.fromarray(each.permute(1, 2, 0).numpy()) for each in part]
            pixels = torch.stack([self.encoder.preprocess(each) for each in pictures])
            rows.append(self.encoder.encode_images(pixels).mean(dim=0))
        return torch.stack(rows)


def _largest(mask: np.ndarray) -> np.ndarray:
    regions, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    sizes = np.bincount(regions.ravel())[1:]
    order = np.argsort(-sizes, kind="stable")
    kept = regions == order[0] + 1
    if len(order) > 1 and sizes[order[1]] >= 5:
        kept |= regions == order[1] + 1
    return kept


def _k_means(rows: Tensor, count: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    found = KMeans(count, init="random", n_init=1, max_iter=500, random_state=SEED).fit(rows)
    return np.array(found.labels_, dtype=np.int64)


def crops(count: int) -> list[Image.Image]:
    """Crops of photographs at seeded places."""
    chance, originals = np.random.default_rng(SEED), photographs()
    found = []
    for number in range(count):
        original = originals[number % len(originals)]
        left, top = (int(chance.integers(0, side - SIDE)) for side in original.size)
        found.append(original.crop((left, top, left + SIDE, top + SIDE)))
    return found


def large_bank() -> ConceptBank:
    """4,000 texts: pairs of those that ship."""
    texts = shipped_texts("general")
    pairs = [f"{first}, {second}" for first, second in product(texts, texts) if first != second]
    chosen = np.random.default_rng(SEED).permutation(len(pairs))[:TEXTS]
    return ConceptBank(tuple(pairs[place] for place in chosen), "pairs of general texts")


def timed(
    name: str, images: Sequence[Image.Image], plain: int
) -> tuple[list[Check], dict[str, object]]:
    """Seconds an image of both, and whether the same texts are found for the same parts."""
    encoder = load_dual_encoder(name, seed=SEED)
    method = MutualKnowledge()
    start = time.perf_counter()
    asked = method.ask(encoder, CLASSES, large_bank(), prompts=PromptEnsemble(encoder, ["{}"]))
    once = time.perf_counter() - start
    procedure = PlainProcedure(encoder, asked)
    next(iter(method.look(asked, images[:1])))
    theirs: list[float] = []
    plainly: list[PlainTexts] = []
    for image in images[:plain]:
        start = time.perf_counter()
        plainly.append(procedure.image(image))
        theirs.append(time.perf_counter() - start)
    start = time.perf_counter()
    seen = list(method.look(asked, images))
    ours = (time.perf_counter() - start) / len(images)
    ratio = float(np.mean(theirs)) / ours
    details = {
        "plain procedure, s an image": theirs,
        "ours, s an image": ours,
        "the bank and the classes, once, s": once,
        "candidates of an image": [each.candidates for each in plainly],
        "parts an image": float(np.mean([len(each.parts) for each in seen])),
        "times faster with the bank's encoding shared among the images": float(np.mean(theirs))
        / (ours + once / len(images)),
    }
    same = float(np.mean([same_words(asked, each) for each in plainly]))
    return [
        at_least(f"{name}: times faster an image", ratio, WANTED),
        at_least(f"{name}: same texts for the same parts, share", same, 0.99),
    ], details


def same_words(asked: Asked, plainly: PlainTexts) -> float:
    """The share of an image's texts that ours gives as well, from the same embeddings of parts."""
    (ours,) = assigned_texts(
        plainly.parts,
        plainly.whole,
        owners=torch.zeros(len(plainly.parts), dtype=torch.long),
        bank=asked.rows,
        how=Assigning(preselected=PRESELECTED, protocol="published"),
    )
    pairs = zip(ours.ids.tolist(), plainly.words, strict=True)
    return float(np.mean([len(set(own) & set(theirs)) / BEST for own, theirs in pairs]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--plain", type=int, default=5, help="images of the plain procedure")
    options = parser.parse_args()
    images, load = crops(options.images), os.getloadavg()
    checks: list[Check] = []
    details: dict[str, object] = {}
    for name in ENCODERS:
        found, details[name] = timed(name, images, options.plain)
        checks += found
    table = Table("check", "value")
    for check in checks:
        table.add_row(check.name, f"{check.value:.1f}")
    Console().print(table)
    record(
        __file__,
        checks,
        details={
            **details,
            "images": options.images,
            "texts": TEXTS,
            "threads": torch.get_num_threads(),
            "load average before and after": [load[0], os.getloadavg()[0]],
        },
    )


if __name__ == "__main__":
    main()
