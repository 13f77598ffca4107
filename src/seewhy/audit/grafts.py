"""The graft on the user's images: matching, captions read per stage, and its controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

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
from seewhy.data.records import Failure, ImageRecord
from seewhy.methods.grafting.graft import Graft, grafted_similarities
from seewhy.methods.grafting.jobs import GraftJob, MatchJob
from seewhy.methods.grafting.matching import Precision, identity_matching, match_units
from seewhy.methods.grafting.memory import images_within
from seewhy.methods.grafting.method import Grafting, Matching, permuted
from seewhy.methods.grafting.reading import (
    UNKNOWN,
    CaptionTable,
    count_winners,
    influence,
    read_values,
)
from seewhy.models.protocols import ClassifierLike, DualEncoder
from seewhy.passes.jobs import run_job
from seewhy.passes.options import PassOptions
from seewhy.passes.rows import failures_in

IDENTITY_TOLERANCE = 1e-6
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_CONTROL_IMAGES = 24

Similarities = Float[Tensor, "images depths texts"]
Positions = Int[np.ndarray, "resamples images"]


@dataclass(frozen=True)
class GraftPass:
    """What the graft of one model measures on all images: matches, and captions per stage.

    `failures` are images on which the maps are not finite.
    """

    matched: Matching
    similarities: Similarities
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class GraftSettings:
    """How a model is grafted; `memory`, in bytes, bounds the maps that are held at once."""

    grafting: Grafting
    memory: int
    precision: Precision
    options: PassOptions


@dataclass(frozen=True)
class ModelGraft:
    """A model, the encoder it is grafted into, and the captions that are read."""

    model: ClassifierLike
    encoder: DualEncoder
    texts: TextEmbeddings
    settings: GraftSettings


def run_graft(
    graft: ModelGraft,
    records: Sequence[ImageRecord],
    plain: Mapping[str, Float[Tensor, " texts"]] | None = None,
) -> GraftPass:
    """Match units in one pass over the images, and read the captions in a second one.

    `plain` are the similarities of every image as it is, by id, where they are known.
    """
    model, encoder, settings = graft.model, graft.encoder, graft.settings
    sites = settings.grafting.sites(model)
    match = MatchJob(
        model,
        encoder,
        sites=sites,
        images_at_once=images_within(settings.memory, model, encoder, sites=sites),
        precision=settings.precision,
    )
    sums = run_job(match, records, settings.options)
    matched = match.matching(sums)
    job = GraftJob(
        model,
        encoder,
        matched,
        text_embeddings=graft.texts,
        settings=settings.grafting,
        plain=plain,
    )
    read = run_job(job, records, settings.options)
    failures = {each.id: each for each in (*failures_in(sums), *failures_in(read))}
    kept = [row for row, identity in enumerate(read.facts["ids"]) if identity not in failures]
    return GraftPass(
        matched, torch.from_numpy(read.arrays["similarities"][kept]), tuple(failures.values())
    )


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
    done: GraftPass,
    records: Sequence[ImageRecord],
    concepts: ConceptGroups,
    controls: "GraftControls",
    *,
    votes: bool,
    resamples: Positions,
) -> GraftReading:
    """What the captions say stage by stage, with the graft's own controls.

    `records` are the images of the rows of `done`; `votes` tells that the published reading
    gives the verdict.
    """
    table = CaptionTable.listed(concepts.as_dict())
    path, matched = done.similarities, done.matched
    right = right_values(records, path[:, 0], table)
    rows = list(controls.rows)
    return GraftReading(
        layers=_layers(path, matched, table=table, right=right, resamples=resamples),
        matching=_stages(matched, controls.by_chance),
        published=_published(path, table, right),
        rows=[
            _published_row(path, table, resamples, votes=votes),
            _readable_row(path, table, right, resamples),
        ],
        controls=[
            _identity_control(controls.identity_change),
            _permuted_control(path[rows], controls.permuted, table, right[rows]),
        ],
        similarities=path,
        matched=matched,
    )


@dataclass(frozen=True)
class GraftControls:
    """The graft's controls on a few of the images, whose positions are `rows`.

    `by_chance` matches each image with another one; `permuted` are similarities with matches
    dealt at random; `identity_change` is the largest change by the encoder's graft on itself.
    """

    rows: tuple[int, ...]
    by_chance: Matching | None
    permuted: Similarities
    identity_change: float


def run_controls(
    graft: ModelGraft, records: Sequence[ImageRecord], done: GraftPass, *, seed: int
) -> GraftControls:
    """Run the controls on at most 24 of the images."""
    model, encoder, texts, grafting = (
        graft.model,
        graft.encoder,
        graft.texts,
        graft.settings.grafting,
    )
    generator = torch.Generator().manual_seed(seed)
    rows = sampled_rows(len(records), _CONTROL_IMAGES, np.random.default_rng([seed, 0x6A]))
    images = [records[row].read() for row in rows]
    pixels = (
        torch.stack([model.preprocess(image) for image in images]),
        torch.stack([encoder.preprocess(image) for image in images]),
    )
    by_chance = (
        match_units(model, encoder, [pixels], sites=grafting.sites(model), permute=generator)
        if len(rows) > 1
        else None
    )
    random = Graft(permuted(done.matched, generator), grafting)
    return GraftControls(
        rows=tuple(int(row) for row in rows),
        by_chance=by_chance,
        permuted=grafted_similarities(model, encoder, random, pixels, text_embeddings=texts),
        identity_change=_identity_change(encoder, pixels[1], texts, grafting),
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
    return Shares(row, points, draws, known=(True,) * len(points))


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
    return Shares(row, points, draws, known=(True,) * len(points))


def _identity_change(
    encoder: DualEncoder, pixels: Pixels, texts: TextEmbeddings, grafting: Grafting
) -> float:
    """Of grafting the encoder on itself; the published gain is not exact, so it is not asked."""
    exact = Grafting(protocol="default", resize=grafting.resize)
    path = grafted_similarities(
        encoder,
        encoder,
        Graft(identity_matching(encoder, [pixels]), exact),
        (pixels, pixels),
        text_embeddings=texts,
    )
    return float((path - path[:, :1]).abs().max())


def _identity_control(largest: float) -> Control:
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
