"""Matching and grafting as shard jobs, for any number of images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from seewhy.base.axes import TextEmbeddings
from seewhy.base.errors import DataError
from seewhy.data.records import Failure
from seewhy.methods.grafting.graft import Graft, grafted_similarities
from seewhy.methods.grafting.matching import IMAGES_AT_ONCE, Matcher, Precision, matching_from
from seewhy.methods.grafting.method import Grafting, Matching
from seewhy.methods.grafting.moments import CrossMoments, Moments
from seewhy.methods.grafting.resizing import Size
from seewhy.methods.grafting.sums import MatchingSums
from seewhy.models.identity import facts_digest, tensors_digest
from seewhy.models.protocols import DualEncoder
from seewhy.models.sites import Site
from seewhy.passes.loading import Loaded
from seewhy.passes.pairs import Networks, Pair, stacked
from seewhy.passes.rows import merged_facts, merged_rows, outcome_facts, rows_part
from seewhy.passes.runner import run_batches
from seewhy.passes.shards import Part
from seewhy.taps.forward import Network

_READING_BATCH = 32


@final
class MatchJob:
    """The sums behind a matching; `matching` reads it off the merged part."""

    name = "match"

    def __init__(
        self,
        classifier: Network,
        encoder: DualEncoder,
        *,
        sites: Sequence[Site],
        images_at_once: int = IMAGES_AT_ONCE,
        precision: Precision = "float32",
    ) -> None:
        self.sites = tuple(sites)
        self.stages = encoder.stages()
        self.images_at_once = images_at_once
        self.precision: Precision = precision
        self._networks = Networks(classifier, encoder)

    def key(self) -> str:
        """A digest of networks, sites and how the maps are multiplied."""
        return facts_digest(
            job=self.name,
            networks=self._networks.digests(),
            sites=[asdict(site) for site in (*self.sites, *self.stages)],
            images_at_once=self.images_at_once,
            precision=self.precision,
        )

    def prepare(self, _identity: str, image: Image.Image) -> Pair:
        """The image as each network wants it."""
        return self._networks.prepare(image)

    def run(self, loaded: Iterable[Loaded[Pair] | Failure]) -> Part:
        """The sums over the images of a shard; one whose maps are not finite is a failure."""
        matcher = Matcher(
            self._networks.network,
            self._networks.encoder,
            sites=self.sites,
            stages=self.stages,
            images_at_once=self.images_at_once,
            precision=self.precision,
        )

        def add(_: Sequence[str], pairs: Sequence[Pair]) -> None:
            matcher.add(*stacked(pairs))

        result = run_batches(loaded, add, batch_size=self.images_at_once)
        return _sums_part(matcher.result(), outcome_facts(result))

    def merge(self, first: Part, second: Part) -> Part:
        """The sums over the images of both."""
        sums = _sums_of(first)
        sums.merge(_sums_of(second))
        return _sums_part(sums, merged_facts(first.facts, second.facts))

    def matching(self, part: Part) -> Matching:
        """The best unit of the classifier for each unit of the encoder."""
        return matching_from(
            _sums_of(part), self._networks.network, sites=self.sites, stages=self.stages
        )


@final
class GraftJob:
    """Captions read after each stage: array "similarities" (images, depths, texts).

    `plain` are the similarities of every image before any graft, by id, where they are known.
    """

    name = "graft"

    def __init__(
        self,
        classifier: Network,
        encoder: DualEncoder,
        matching: Matching,
        *,
        text_embeddings: TextEmbeddings,
        settings: Grafting,
        plain: Mapping[str, Float[Tensor, " texts"]] | None = None,
    ) -> None:
        self._networks = Networks(classifier, encoder)
        self._graft = Graft(matching, settings)
        self._texts = text_embeddings.detach()
        self._plain = plain

    def key(self) -> str:
        """A digest of networks, matching, texts and settings."""
        return facts_digest(
            job=self.name,
            networks=self._networks.digests(),
            matching=tensors_digest(_tensors_of(self._graft.matching)),
            texts=tensors_digest({"texts": self._texts}),
            settings=asdict(self._graft.settings),
            plain=self._plain is not None,
        )

    def prepare(self, _identity: str, image: Image.Image) -> Pair:
        """The image as each network wants it."""
        return self._networks.prepare(image)

    def run(self, loaded: Iterable[Loaded[Pair] | Failure]) -> Part:
        """The similarities of the images of a shard."""

        def read(ids: Sequence[str], pairs: Sequence[Pair]) -> dict[str, Tensor]:
            known = self._plain
            plain = None if known is None else torch.stack([known[each] for each in ids])
            similarities = grafted_similarities(
                self._networks.network,
                self._networks.encoder,
                self._graft,
                stacked(pairs),
                text_embeddings=self._texts,
                plain=plain,
            )
            if not similarities.isfinite().all():
                raise DataError("non_finite", "the graft gives NaN or infinity.")
            return {"similarities": similarities}

        return rows_part(run_batches(loaded, read, batch_size=_READING_BATCH))

    def merge(self, first: Part, second: Part) -> Part:
        """The rows of both."""
        return merged_rows(first, second)


def _tensors_of(matching: Matching) -> dict[str, Tensor]:
    units = matching.sources
    tensors = {"site": units.site, "channel": units.channel, "mean": units.mean, "std": units.std}
    for stage in matching.stages:
        for name in ("best", "mean", "std"):
            tensors[f"{stage.site.name}/{name}"] = getattr(stage, name)
    return tensors


def _sums_part(sums: MatchingSums, facts: dict[str, Any]) -> Part:
    arrays: dict[str, np.ndarray] = {}
    counts: dict[str, int] = {}
    moments = {f"source {_named(size)}": own for size, own in sums.sources.items()}
    moments |= {f"units {number}": own for number, own in sums.units.items()}
    moments |= {f"target {_named(size)}": own for size, own in sums.targets.items()}
    for name, own in moments.items():
        counts[name] = own.count
        arrays |= {f"{name} mean": _array(own.mean), f"{name} squares": _array(own.squares)}
    for sizes, cross in sums.crosses.items():
        name = "cross " + " ".join(map(_named, sizes))
        counts[name] = cross.count
        for field in ("source_mean", "target_mean", "sums"):
            arrays[f"{name} {field}"] = _array(getattr(cross, field))
    shapes = {
        "source_shapes": [list(shape) for shape in sums.source_shapes],
        "target_shapes": [list(shape) for shape in sums.target_shapes],
    }
    return Part(arrays, {**facts, **shapes, "images": sums.images, "counts": counts})


def _sums_of(part: Part) -> MatchingSums:
    sums = MatchingSums(
        images=part.facts["images"],
        source_shapes=tuple(tuple(shape) for shape in part.facts["source_shapes"]),
        target_shapes=tuple(tuple(shape) for shape in part.facts["target_shapes"]),
    )
    for name, count in part.facts["counts"].items():
        kind, *sizes = name.split(" ")
        if kind == "cross":
            source, target = map(_size, sizes)
            fields = ("source_mean", "target_mean", "sums")
            cross = CrossMoments(count, *(_tensor(part.arrays, name, field) for field in fields))
            sums.crosses[source, target] = cross
        else:
            own = Moments(count, *(_tensor(part.arrays, name, f) for f in ("mean", "squares")))
            if kind == "units":
                sums.units[int(sizes[0])] = own
            else:
                (sums.sources if kind == "source" else sums.targets)[_size(sizes[0])] = own
    return sums


def _named(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def _size(name: str) -> Size:
    rows, cols = name.split("x")
    return int(rows), int(cols)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy()


def _tensor(arrays: Mapping[str, np.ndarray], name: str, field: str) -> Tensor:
    return torch.from_numpy(arrays[f"{name} {field}"])
