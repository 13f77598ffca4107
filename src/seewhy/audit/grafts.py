"""The graft on the user's images: matching, captions read per stage, and its controls."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from seewhy.audit.evidence import Shares, estimates, share_of
from seewhy.audit.schema import (
    Control,
    Estimate,
    EvidenceRow,
    LayerReading,
    PublishedCounts,
    StageMatching,
)
from seewhy.audit.shares import sampled_rows
from seewhy.base.axes import Pixels, TextEmbeddings
from seewhy.data.concepts import ConceptGroups
from seewhy.data.records import ImageRecord
from seewhy.methods.grafting.graft import grafted_similarities
from seewhy.methods.grafting.matching import identity_matching, match_units
from seewhy.methods.grafting.method import Grafting, Matching, permuted
from seewhy.methods.grafting.reading import (
    UNKNOWN,
    CaptionTable,
    count_winners,
    influence,
    read_values,
)
from seewhy.models.protocols import ClassifierLike, DualEncoder

IDENTITY_TOLERANCE = 1e-6
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_CACHE_BYTES = 512 * 2**20
_CONTROL_IMAGES = 24

Similarities = Float[Tensor, "images depths texts"]
Positions = Int[np.ndarray, "resamples images"]


@dataclass
class PixelPairs:
    """The same images for a classifier and an encoder, in batches; can be walked repeatedly.

    Preprocessed pixels are kept up to 512 MiB, beyond that they are decoded again each time.
    """

    records: Sequence[ImageRecord]
    classifier: ClassifierLike
    encoder: DualEncoder
    batch_size: int
    progress: bool = False
    _kept: list[tuple[Pixels, Pixels]] = field(default_factory=list, repr=False, init=False)

    def __iter__(self) -> Iterator[tuple[Pixels, Pixels]]:
        with tqdm(
            total=len(self.records), disable=not self.progress, delay=2, unit="image", desc="graft"
        ) as bar:
            for pair in self._pairs():
                yield pair
                bar.update(len(pair[0]))

    def _pairs(self) -> Iterator[tuple[Pixels, Pixels]]:
        yield from list(self._kept)
        for start in range(self._images_kept(), len(self.records), self.batch_size):
            pair = self._read(self.records[start : start + self.batch_size])
            fits = self._bytes(pair) + sum(map(self._bytes, self._kept)) <= _CACHE_BYTES
            if fits and self._images_kept() == start:
                self._kept.append(pair)
            yield pair

    def _images_kept(self) -> int:
        return sum(len(pair[0]) for pair in self._kept)

    def _read(self, records: Sequence[ImageRecord]) -> tuple[Pixels, Pixels]:
        images = [record.read() for record in records]
        return (
            torch.stack([self.classifier.preprocess(image) for image in images]),
            torch.stack([self.encoder.preprocess(image) for image in images]),
        )

    @staticmethod
    def _bytes(pair: tuple[Pixels, Pixels]) -> int:
        return sum(pixels.numel() * pixels.element_size() for pixels in pair)


@dataclass(frozen=True)
class GraftReading:
    """Everything the graft of one model says on one set of images."""

    layers: list[LayerReading]
    matching: list[StageMatching]
    published: PublishedCounts
    rows: list[Shares]
    controls: list[Control]
    similarities: Similarities
    matched: Matching


def read_graft(
    pairs: PixelPairs,
    concepts: ConceptGroups,
    texts: TextEmbeddings,
    *,
    settings: Grafting,
    resamples: Positions,
    seed: int,
) -> GraftReading:
    """Match units, graft stage by stage, read the captions, and run the graft's own controls."""
    table = CaptionTable.listed(concepts.as_dict())
    generator = torch.Generator().manual_seed(seed)
    sites = settings.sites(pairs.classifier)
    matched = match_units(pairs.classifier, pairs.encoder, pairs, sites=sites)
    path = _similarities(pairs, matched, texts, settings)
    right = right_values(pairs.records, path[:, 0], table)
    rows = sampled_rows(len(pairs.records), _CONTROL_IMAGES, np.random.default_rng([seed, 0x6A]))
    few = replace(pairs, records=[pairs.records[row] for row in rows], batch_size=_CONTROL_IMAGES)
    by_chance = (
        match_units(few.classifier, few.encoder, few, sites=sites, permute=generator)
        if len(rows) > 1
        else None
    )
    shuffled = _similarities(few, permuted(matched, generator), texts, settings)
    return GraftReading(
        layers=_layers(path, matched, table=table, right=right, resamples=resamples),
        matching=_stages(matched, by_chance),
        published=_published(path, table, right),
        rows=[
            _published_row(path, table, resamples, votes=settings.protocol == "paper"),
            _readable_row(path, table, right, resamples),
        ],
        controls=[
            _identity_control(few, texts, settings),
            _permuted_control(path[rows], shuffled, table, right[rows]),
        ],
        similarities=path,
        matched=matched,
    )


def right_values(
    records: Sequence[ImageRecord], before: Float[Tensor, "images texts"], table: CaptionTable
) -> Int[Tensor, "images groups"]:
    """Per image and group the true value where an attribute column tells it, else as read.

    "As read" is the value whose caption the encoder alone finds most similar.
    """
    known = [
        {
            group: record.attributes[group]
            for group, values in zip(table.groups, table.values, strict=True)
            if record.attributes.get(group) in values
        }
        for record in records
    ]
    told = table.right_values(known)
    read = read_values(before[:, None], table)[:, 0]
    return torch.where(told == UNKNOWN, read, told)


def _similarities(
    pairs: PixelPairs, matched: Matching, texts: TextEmbeddings, settings: Grafting
) -> Similarities:
    return torch.cat(
        [
            grafted_similarities(
                pairs.classifier,
                pairs.encoder,
                matched,
                pair,
                text_embeddings=texts,
                settings=settings,
            )
            for pair in pairs
        ]
    ).cpu()


def _layers(
    path: Similarities,
    matched: Matching,
    *,
    table: CaptionTable,
    right: Int[Tensor, "images groups"],
    resamples: Positions,
) -> list[LayerReading]:
    values = read_values(path, table)
    names = ("nothing replaced", *(stage.site.name for stage in matched.stages))
    layers = []
    for depth, name in enumerate(names):
        scores = path[:, depth]
        winner = table.group_of[scores.argmax(dim=1)]
        hits = (values[:, depth] == right).numpy()
        layers.append(
            LayerReading(
                grafted=depth,
                site=name,
                similarity={
                    caption: share_of(scores[:, column].double().numpy(), resamples)
                    for column, caption in enumerate(table.captions)
                },
                winners=_per_group(
                    table, [(winner == g).numpy() for g in _indices(table)], resamples
                ),
                readable=_per_group(table, [hits[:, g] for g in _indices(table)], resamples),
            )
        )
    return layers


def _indices(table: CaptionTable) -> range:
    return range(len(table.groups))


def _per_group(
    table: CaptionTable, flags: Sequence[np.ndarray], resamples: Positions
) -> dict[str, Estimate]:
    return {group: share_of(row, resamples) for group, row in zip(table.groups, flags, strict=True)}


def _stages(matched: Matching, by_chance: Matching | None) -> list[StageMatching]:
    stages = []
    for position, stage in enumerate(matched.stages):
        scores = stage.score.double()
        chance = by_chance.stages[position].score.double() if by_chance else None
        stages.append(
            StageMatching(
                site=stage.site.name,
                units=len(scores),
                mean=float(scores.nanmean()),
                quantiles=[float(scores.nanquantile(q)) for q in _QUANTILES],
                permuted_mean=None if chance is None else float(chance.nanmean()),
                sources=matched.units_per_site(stage),
            )
        )
    return stages


def _published(
    path: Similarities, table: CaptionTable, right: Int[Tensor, "images groups"]
) -> PublishedCounts:
    counts = count_winners(influence(path), table, right)

    def shares(part: Int[Tensor, " groups"]) -> dict[str, float]:
        return {
            group: count / counts.images
            for group, count in zip(table.groups, part.tolist(), strict=True)
        }

    return PublishedCounts(
        correct=shares(counts.correct), wrong=shares(counts.wrong), unknown=shares(counts.unknown)
    )


def _published_row(
    path: Similarities, table: CaptionTable, resamples: Positions, *, votes: bool
) -> Shares:
    winner = table.group_of[influence(path).argmax(dim=1)]
    flags = np.stack([(winner == group).numpy() for group in _indices(table)]).astype(float)
    points, draws = flags.mean(axis=1), flags[:, resamples].mean(axis=2)
    order = np.argsort(-points)
    note = (
        "The published verdict: the group whose captions gain most by the graft."
        if votes
        else "No vote: as published, shown for comparison. This reading names a group for "
        "untrained models too."
    )
    row = EvidenceRow(
        name="graft-published",
        images="yours",
        shares=estimates(table.groups, points, draws, len(winner)),
        dominant=table.groups[order[0]],
        votes=votes,
        note=note,
    )
    return Shares(row, points, draws, strength=1.0, known=(True,) * len(points))


def _readable_row(
    path: Similarities,
    table: CaptionTable,
    right: Int[Tensor, "images groups"],
    resamples: Positions,
) -> Shares:
    hits = (read_values(path, table)[:, -1] == right).double().numpy().T
    points, draws = hits.mean(axis=1), hits[:, resamples].mean(axis=2)
    row = EvidenceRow(
        name="graft-readable",
        images="yours",
        shares=estimates(table.groups, points, draws, hits.shape[1]),
        dominant=None,
        votes=False,
        note="No vote: what is still readable after the graft shows what the maps carry, and a "
        "map can carry what the decision ignores.",
    )
    return Shares(row, points, draws, strength=0.0, known=(True,) * len(points))


def _identity_control(pairs: PixelPairs, texts: TextEmbeddings, settings: Grafting) -> Control:
    """Grafting the encoder on itself; the published gain is not exact, so it is not asked."""
    exact = Grafting(protocol="default", resize=settings.resize)
    matched = identity_matching(pairs.encoder, (target for _, target in pairs))
    largest = max(
        float(
            (
                grafted_similarities(
                    pairs.encoder,
                    pairs.encoder,
                    matched,
                    (target, target),
                    text_embeddings=texts,
                    settings=exact,
                ).diff(dim=1)
            )
            .abs()
            .max()
        )
        for _, target in pairs
    )
    return Control(
        name="identity graft",
        expectation=f"similarities change by at most {IDENTITY_TOLERANCE:g}",
        value=largest,
        holds=largest <= IDENTITY_TOLERANCE,
    )


def _permuted_control(
    path: Similarities,
    shuffled: Similarities,
    table: CaptionTable,
    right: Int[Tensor, "images groups"],
) -> Control:
    """Matches dealt at random should leave nothing readable beyond chance."""
    real, random = (
        (read_values(each, table)[:, -1] == right).double().mean() for each in (path, shuffled)
    )
    chance = float(np.mean([1 / len(values) for values in table.values]))
    return Control(
        name="permuted matches",
        expectation=f"captions are read at chance ({chance:.2f}) after the whole graft",
        value=float(random),
        holds=None,
        note=f"With the real matches {float(real):.2f} are read right.",
    )
