"""What batches are made of: drawn pictures with fresh faults, or records out of files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil

import numpy as np

from seewhy.data.editing.corruption import DEFAULT_RATES, CorruptionRates, corrupted_caption
from seewhy.data.editing.facts import EditFacts
from seewhy.data.editing.records import EditRecord
from seewhy.training.editing.batches import EditBatch, RegionTable, Writer

_ORDERS = 1
"""Told apart from the chance of batches, which has no third number."""


@dataclass(frozen=True, eq=False)
class DrawnExamples:
    """Pictures by chance, each with a caption that has faults of its own in every batch."""

    facts: Sequence[EditFacts]
    regions: RegionTable
    writer: Writer
    size: int
    seed: int = 0
    rates: CorruptionRates = field(default=DEFAULT_RATES)

    @property
    def epoch(self) -> float | None:
        """None: pictures come again, captions hardly do."""
        return None

    def batch(self, number: int) -> EditBatch:
        """One batch, counted from 0."""
        chance = np.random.default_rng([self.seed, number])
        places = chance.integers(len(self.facts), size=self.size).tolist()
        chosen = [self.facts[place] for place in places]
        captions = [corrupted_caption(each, chance, rates=self.rates).words for each in chosen]
        truths = [each.words for each in chosen]
        return EditBatch(
            inputs=self.writer.inputs(captions, self.regions(places)),
            targets=self.writer.targets(truths),
            references=tuple(self.writer.references([truth]) for truth in truths),
            keys=tuple(truths),
        )


@dataclass(frozen=True, eq=False)
class RecordExamples:
    """Every pair of a record and one of its truths once in an epoch, in an order of its own."""

    records: Sequence[EditRecord]
    regions: RegionTable
    writer: Writer
    size: int
    seed: int = 0

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Places of records, and of one of their truths each."""
        return tuple(
            (place, number)
            for place, record in enumerate(self.records)
            for number in range(len(record.truths))
        )

    @property
    def epoch(self) -> float | None:
        """Batches until every pair came once; the last of an epoch may be smaller."""
        return float(ceil(len(self.pairs) / self.size))

    def batch(self, number: int) -> EditBatch:
        """One batch, counted from 0."""
        epoch, place = divmod(number, ceil(len(self.pairs) / self.size))
        chance = np.random.default_rng([self.seed, epoch, _ORDERS])
        order = chance.permutation(len(self.pairs))[place * self.size : (place + 1) * self.size]
        pairs = [self.pairs[each] for each in order.tolist()]
        records = [self.records[each] for each, _ in pairs]
        return EditBatch(
            inputs=self.writer.inputs(
                [record.caption for record in records], self.regions([each for each, _ in pairs])
            ),
            targets=self.writer.targets([self.records[each].truths[one] for each, one in pairs]),
            references=tuple(self.writer.references(record.truths) for record in records),
            keys=tuple(each for each, _ in pairs),
        )
