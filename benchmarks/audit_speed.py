"""How fast is the fit of an audit, ResNet-50 into CLIP RN50 at 224 pixels?

Measured against the published procedure, two bare forwards, and what this machine multiplies.
Run `python benchmarks/audit_speed.py [--images 64]`, alone on two cores, about ten minutes;
`--table` prints the last results as they stand in docs/performance.md.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from _agreement import agreement, verdict_changes
from _images import write_crops
from _measure import measured
from _published import (
    Bare,
    Label,
    Network,
    Product,
    Stopwatch,
    bandwidth,
    best_seconds,
    gemm_peak,
    published_table,
    roofline,
)
from _record import RESULTS, Check, at_least, at_most, record
from torch import Tensor

from seewhy.data.records import ImageRecord
from seewhy.data.sources import open_source
from seewhy.methods.grafting import jobs, matching, stacks, sums
from seewhy.methods.grafting.carriers import carriers_of
from seewhy.methods.grafting.graft import Graft, grafted_similarities
from seewhy.methods.grafting.jobs import MatchJob
from seewhy.methods.grafting.matching import Precision
from seewhy.methods.grafting.method import Grafting, Matching, paper_sites
from seewhy.methods.grafting.moments import Totals
from seewhy.methods.grafting.resizing import Size
from seewhy.methods.grafting.sums import MatchingSums, source_blocks, standardised_products
from seewhy.models.classifiers import Classifier
from seewhy.models.load import load_model
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.sites import Site
from seewhy.passes import loading
from seewhy.passes.jobs import run_job
from seewhy.passes.options import PassOptions
from seewhy.passes.store import Store

SEED = 0
THREADS = 2
WARM_IMAGES = 4
BARE_IMAGES = 16
GPU_PUBLISHED_IMAGES = 8
MATCHING = ("reductions", "products", "arg-max")
BOOKKEEPING = ("grid sums", "finish")

Findings = tuple[list[Check], dict[str, object]]
"""Figures with targets, and all others."""


@dataclass(frozen=True)
class Models:
    """Both networks, which see the same pixels, as published."""

    classifier: Classifier
    encoder: OpenClipEncoder

    @classmethod
    def loaded(cls, device: str = "cpu") -> "Models":
        """Untrained networks: the weights' values decide no time."""
        encoder = load_model("open_clip:RN50/random-weights", seed=SEED, device=device)
        loaded = load_model("torchvision:resnet50/random-weights", seed=SEED, device=device)
        classes = loaded.classes
        return cls(
            Classifier(loaded.module, preprocess=encoder.preprocess, classes=classes), encoder
        )

    def sites(self) -> tuple[Site, ...]:
        """The 49 convolutions whose maps are matched."""
        return paper_sites(self.classifier)


PARTS: tuple[tuple[Any, str, Label], ...] = (
    (loading, "_load", "decode"),
    (stacks, "forward", "forward"),
    (stacks.MapStacks, "_put", "copying"),
    (Totals, "of", "totals"),
    (stacks.HeldMaps, "reduced", "reductions"),
    (sums.PairSums, "_multiply", Product.of),
    (sums, "_grid_total", "grid sums"),
    (sums.PairSums, "result", "finish"),
    (Store, "save", "store"),
    (Store, "load", "store"),
    (matching, "best_sources", "arg-max"),
)


@dataclass(frozen=True)
class Fit:
    """One run of the fit as a user runs it: decode, forwards, sums, store, arg-max."""

    clock: Stopwatch
    sums: MatchingSums
    matching: Matching

    def sites(self) -> list[tuple[Size, int]]:
        """Size and number of the units of every source site."""
        moments = sums.unit_moments(self.sums)
        return [
            (shape[1:], len(own.mean))
            for shape, own in zip(self.sums.source_shapes, moments, strict=True)
        ]


def fit(models: Models, records: Sequence[ImageRecord], precision: Precision = "float32") -> Fit:
    clock = Stopwatch()
    with clock.on(PARTS), clock.part("rest"):
        job = MatchJob(models.classifier, models.encoder, sites=models.sites(), precision=precision)
        part = run_job(job, records, PassOptions())
        matched = job.matching(part)
    return Fit(clock, jobs._sums_of(part), matched)


def table_of(models: Models, own: MatchingSums) -> Tensor:
    """The scores of all pairs of units, in the order of sites and stages."""
    carriers = carriers_of(models.classifier.module, models.sites())
    columns = stacks.units_by_size(own.target_shapes)
    heights = [len(moments.mean) for moments in sums.unit_moments(own)]
    table = torch.empty(sum(heights), sum(map(len, columns.values())))
    for size, blocks in source_blocks(own, [each.weight for each in carriers]).items():
        for (first, block), (other, units) in product(blocks, columns.items()):
            table[first : first + block.height(), units] = standardised_products(
                own.crosses[size, other],
                block,
                own.sources[size],
                own.targets[other],
                rows=slice(None),
            ).to("cpu", torch.float32)
    return table


def published(models: Models, records: Sequence[ImageRecord]) -> tuple[Tensor, Stopwatch]:
    clock = Stopwatch()
    source, target = models.classifier.module, models.encoder.module
    with tempfile.TemporaryDirectory() as folder, clock.part("rest"):
        table = published_table(
            Network.of(source, source, models.sites()),
            Network.of(target, target.encode_image, models.encoder.stages()),
            [each.read.path for each in records],
            preprocess=models.encoder.preprocess,
            part=clock.part,
            folder=Path(folder),
        )
    return table, clock


def reading_seconds(models: Models, matched: Matching, pixels: Tensor) -> tuple[float, float]:
    """Captions read at all depths from ready pixels: as in an audit, and all by itself.

    An audit knows the similarities before any graft from its pass over the images.
    """
    graft = Graft(matched, Grafting(protocol="paper"))
    generator = torch.Generator().manual_seed(SEED)
    width = models.encoder.encode_images(pixels[:1]).shape[1]
    texts = torch.randn(4, width, generator=generator)
    texts, known = torch.nn.functional.normalize(texts, dim=-1), torch.zeros(len(pixels), 4)
    read = partial(
        grafted_similarities, models.classifier, models.encoder, graft, text_embeddings=texts
    )
    read((pixels[:WARM_IMAGES], pixels[:WARM_IMAGES]))
    return (
        best_seconds(lambda: read((pixels, pixels), plain=known), times=2),
        best_seconds(lambda: read((pixels, pixels)), times=2),
    )


def work_per_image(own: Fit) -> dict[str, float]:
    """GFLOP and GB (float32) of the products, by the three ways to the same table."""
    pairs = [
        (m, n, max(a[0], b[0]) * max(a[1], b[1]), min(a[0], b[0]) * min(a[1], b[1]))
        for (a, m), (n, *b) in product(own.sites(), own.sums.target_shapes)
    ]
    factors = sum(
        each.positions * (each.sources + each.targets) * calls
        for each, (calls, _) in own.clock.products().items()
    )
    return {
        "GFLOP, direct": sum(2 * m * n * large for m, n, large, _ in pairs) / 1e9,
        "GFLOP, adjoint": sum(2 * m * n * small for m, n, _, small in pairs) / 1e9,
        "GFLOP, adjoint with carriers": own.clock.flop() / own.sums.images / 1e9,
        "GB of factors, direct": sum(4 * (m + n) * large for m, n, large, _ in pairs) / 1e9,
        "GB of factors, adjoint with carriers": 4 * factors / own.sums.images / 1e9,
    }


def against_published(models: Models, records: Sequence[ImageRecord], own: Fit) -> Findings:
    published(models, records[:WARM_IMAGES])
    table, clock = published(models, records)
    theirs, ours = clock.parts(), own.clock.parts()
    best = torch.cat([stage.best for stage in own.matching.stages])
    pieces = zip(table_of(models, own.sums).split(1024), table.split(1024), strict=True)
    core, every = (
        theirs["matching"] / sum(ours[name] for name in names)
        for names in (MATCHING, MATCHING + BOOKKEEPING)
    )
    checks = [
        at_least("matching, times faster than published", core, 15),
        at_least("whole fit, times faster than published", clock.total() / own.clock.total(), 10),
        at_most("Z, largest difference", max(float((a - b).abs().max()) for a, b in pieces), 1e-5),
        at_least("same arg-max, share", float((table.argmax(0) == best).float().mean()), 0.999),
    ]
    return checks, {
        "seconds": clock.total(),
        "parts": theirs,
        "matching, times faster, all bookkeeping of ours counted": every,
    }


def against_machine(models: Models, own: Fit, pixels: Tensor) -> Findings:
    peak, stream = gemm_peak(torch.float32), bandwidth()
    forwards = Bare.of(models.classifier.module, models.encoder.module, pixels[:BARE_IMAGES])
    reading, alone = (
        seconds / len(pixels) for seconds in reading_seconds(models, own.matching, pixels)
    )
    per_image = own.clock.total() / own.sums.images
    speed = own.clock.flop() / own.clock.parts()["products"]
    checks = [
        at_least("products, share of the GEMM peak", speed / peak, 0.85),
        at_most("whole fit, in two bare forwards", per_image / forwards.seconds(1, 1), 3),
        at_most(
            "grafted reading, all depths, in 2 encoder + 1 classifier forwards",
            reading / forwards.seconds(1, 2),
            1,
        ),
    ]
    return checks, {
        "GEMM peak, GFLOP/s": peak / 1e9,
        "products, GFLOP/s": speed / 1e9,
        "copy, GB/s": stream / 1e9,
        "bare forwards, s per image": asdict(forwards),
        "whole fit, in two bare forwards with channels last": per_image
        / forwards.seconds(1, 1, layout="channels last"),
        "grafted reading, s per image": reading,
        "grafted reading with the plain reading in it, s per image": alone,
        "grafted reading with the plain reading in it, in 2 + 1 forwards": alone
        / forwards.seconds(1, 2),
        "roofline": roofline(own.clock.products(), peak, stream),
    }


def in_bfloat16(models: Models, records: Sequence[ImageRecord], own: Fit) -> Findings:
    fit(models, records[:WARM_IMAGES], "bfloat16")
    low = fit(models, records, "bfloat16")
    reduced = low.clock.parts()
    ratio = own.clock.parts()["products"] / reduced["products"]
    same, difference = agreement(own.matching, low.matching)
    return [at_least("products in bfloat16, times faster than in float32", ratio, 2)], {
        "same arg-max, share": same,
        "score, mean difference": difference,
        **verdict_changes("bf16"),
        "products, GFLOP/s": low.clock.flop() / reduced["products"] / 1e9,
        "GEMM peak, GFLOP/s": gemm_peak(torch.bfloat16) / 1e9,
        "seconds": low.clock.total(),
        "parts": reduced,
    }


def memory(folder: Path, counts: Sequence[int]) -> list[Check]:
    """Peak memory of the fit in a process of its own."""
    checks = []
    for images in counts:
        crops = str(write_crops(folder / f"memory-{images}", images, seed=SEED))
        cost = measured([sys.executable, __file__, "--memory-of", crops])
        checks.append(at_most(f"peak memory of the fit, {images} images, GB", cost.gigabytes, 4))
    return checks


def on_gpu(records: Sequence[ImageRecord], cpu: Fit) -> dict[str, object]:
    """The same on the first GPU; the published procedure on a few images only."""
    models = Models.loaded("cuda")
    fit(models, records)
    own = fit(models, records)
    few = records[:GPU_PUBLISHED_IMAGES]
    published(models, few)
    _, clock = published(models, few)
    quick = fit(models, few)
    same, difference = agreement(own.matching, cpu.matching)
    return {
        "device": torch.cuda.get_device_name(),
        "seconds": own.clock.total(),
        "parts": own.clock.parts(),
        "products, GFLOP/s": own.clock.flop() / own.clock.parts()["products"] / 1e9,
        "GEMM peak, GFLOP/s": gemm_peak(torch.float32, "cuda") / 1e9,
        "same arg-max as on the CPU, share": same,
        "score, mean difference to the CPU": difference,
        f"{len(few)} images": {
            "published, seconds": clock.total(),
            "seconds": quick.clock.total(),
            "times faster": clock.total() / quick.clock.total(),
        },
    }


def markdown() -> str:
    """The last results as tables for docs/performance.md."""
    result = json.loads((RESULTS / "audit_speed.json").read_text())
    details = result["details"]
    sides = [details[name]["parts"] for name in ("published", "fit", "bfloat16")]
    lines = ["| check | measured | target |", "| --- | --- | --- |"]
    lines += [f"| {c['name']} | {c['value']:.3g} | {c['target']} |" for c in result["checks"]]
    lines += ["", "| seconds | published | seewhy | bfloat16 |", "| --- | --- | --- | --- |"]
    for name in dict.fromkeys(name for side in sides for name in side):
        cells = (f"{side[name]:.2f}" if name in side else "" for side in sides)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    totals = (f"{sum(side.values()):.1f}" for side in sides)
    low, roof = details["bfloat16"], details["machine"]
    last = (
        f"| **all** | {' | '.join(totals)} |\n\nIn bfloat16 {low['same arg-max, share']:.1%} of "
        f"the units match alike, scores differ by {low['score, mean difference']:.1e} on average;\n"
        f"{low['verdicts changed']} of {low['verdicts compared']} verdicts of the demo change."
        f"\nGEMM peak {roof['GEMM peak, GFLOP/s']:.0f} GFLOP/s, copy {roof['copy, GB/s']:.0f} GB/s."
    )
    return "\n".join([*lines, last])


def measure(records: Sequence[ImageRecord]) -> Findings:
    """All that is measured in this process."""
    load, models = os.getloadavg(), Models.loaded()
    fit(models, records[:WARM_IMAGES])
    own = fit(models, records)
    pixels = torch.stack([models.encoder.preprocess(each.read()) for each in records])
    machine, roof = against_machine(models, own, pixels)
    faster, baseline = against_published(models, records, own)
    low, reduced = in_bfloat16(models, records, own)
    details = {
        "images": len(records),
        "seed": SEED,
        "threads": torch.get_num_threads(),
        "load average before and after": [load[0], os.getloadavg()[0]],
        "work per image": work_per_image(own),
        "fit": {"seconds": own.clock.total(), "parts": own.clock.parts()},
        "published": baseline,
        "bfloat16": reduced,
        "machine": roof,
    }
    if torch.cuda.is_available():
        details["gpu"] = on_gpu(records, own)
    return [*faster, *machine, *low], details


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--memory-images", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--memory-of", metavar="FOLDER", help="only fit, to be measured")
    parser.add_argument("--table", action="store_true", help="print the last results and end")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    if options.memory_of:
        fit(Models.loaded(), open_source(options.memory_of).records)
        return
    if not options.table:
        with tempfile.TemporaryDirectory() as folder:
            crops = write_crops(Path(folder) / "images", options.images, seed=SEED)
            checks, details = measure(open_source(crops).records)
            if not options.skip_memory:
                checks += memory(Path(folder), options.memory_images)
        record(__file__, checks, details=details)
    print(markdown())


if __name__ == "__main__":
    main()
