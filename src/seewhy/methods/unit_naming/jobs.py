"""Units and an encoder looking at the same images, for any number of them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import final

import torch
from PIL import Image
from torch import Tensor

from seewhy.base.axes import Embeddings
from seewhy.base.errors import DataError
from seewhy.data.records import Failure
from seewhy.methods.unit_naming.activations import Activations, Summary, unit_activations
from seewhy.models.guard import inference
from seewhy.models.identity import facts_digest
from seewhy.models.protocols import DualEncoder
from seewhy.models.sites import Site
from seewhy.passes.loading import Loaded
from seewhy.passes.pairs import Networks, Pair, stacked
from seewhy.passes.rows import failures_in, merged_rows, rows_part
from seewhy.passes.runner import run_batches
from seewhy.passes.shards import Part
from seewhy.taps.capture import capture
from seewhy.taps.forward import Network, forward

BATCH = 32


@dataclass(frozen=True, eq=False)
class Responses:
    """What the units of a site and an encoder made of the same images."""

    ids: tuple[str, ...]
    activations: Activations
    embeddings: Embeddings
    failures: tuple[Failure, ...] = ()


@final
class UnitsJob:
    """Arrays "activations" (images, units) and "embeddings" (images, embed), a row per image."""

    name = "units"

    def __init__(
        self,
        network: Network,
        site: Site,
        *,
        encoder: DualEncoder,
        summary: Summary = "mean",
        batch_size: int = BATCH,
    ) -> None:
        self.site = site
        self.summary: Summary = summary
        self.batch_size = batch_size
        self._networks = Networks(network, encoder)

    def key(self) -> str:
        """A digest of both networks, the site and the summary."""
        return facts_digest(
            job=self.name,
            networks=self._networks.digests(),
            site=asdict(self.site),
            summary=self.summary,
        )

    def prepare(self, _identity: str, image: Image.Image) -> Pair:
        """The image as each network wants it."""
        return self._networks.prepare(image)

    def run(self, loaded: Iterable[Loaded[Pair] | Failure]) -> Part:
        """The rows of a shard's images; one whose numbers are not finite is a failure."""
        with inference(self._networks.network.module), inference(self._networks.encoder.module):
            return rows_part(run_batches(loaded, self._read, batch_size=self.batch_size))

    def merge(self, first: Part, second: Part) -> Part:
        """The rows of both."""
        return merged_rows(first, second)

    def responses(self, part: Part) -> Responses:
        """The rows as tensors; raises `DataError` when no image could be used."""
        failures = failures_in(part)
        if not part.arrays:
            raise DataError(
                "all_failed",
                f"none of {len(failures)} images could be used; the first: {failures[0].id!r}, "
                f"{failures[0].code}: {failures[0].message}",
            )
        activations, embeddings = (
            torch.from_numpy(part.arrays[name].copy()) for name in ("activations", "embeddings")
        )
        return Responses(tuple(part.facts["ids"]), activations, embeddings, failures)

    def _read(self, _ids: Sequence[str], pairs: Sequence[Pair]) -> dict[str, Tensor]:
        own, encoded = stacked(pairs)
        network, encoder = self._networks.network, self._networks.encoder
        with capture(network.module, [self.site.name]) as seen:
            forward(network, own)
        units = unit_activations(self.site, seen[self.site.name], by=self.summary)
        rows = {"activations": units.cpu(), "embeddings": encoder.encode_images(encoded)}
        for name, values in rows.items():
            if not values.isfinite().all():
                raise DataError("non_finite", f"the {name} hold NaN or infinity.")
        return rows
