"""Which question is trained with which of its reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from seewhy.data.narration.records import NarrationRecord


@dataclass(frozen=True)
class Sample:
    """A record and the one of its reasons that a row shows."""

    record: NarrationRecord
    explanation: str


def samples(records: Sequence[NarrationRecord]) -> tuple[Sample, ...]:
    """Every record with each of its reasons, in order; those without a reason are left out."""
    return tuple(
        Sample(record, explanation) for record in records for explanation in record.explanations
    )


@dataclass
class PublishedSamples:
    """The order and the choice of reasons of the published loader, its fault included.

    Records come once each, then again for every further reason. Each time the last reason not yet
    shown is taken; when all were, which is so after the first epoch, it is the first for ever.
    """

    records: Sequence[NarrationRecord]
    _left: dict[str, int] = field(default_factory=dict)

    def epoch(self) -> tuple[Sample, ...]:
        """The samples of the next epoch, in the order of the list before any shuffling."""
        again = [record for record in self.records for _ in record.explanations[1:]]
        kept = [record for record in self.records if record.explanations]
        return tuple(self._next(record) for record in (*kept, *again))

    def _next(self, record: NarrationRecord) -> Sample:
        left = self._left.get(record.id, len(record.explanations))
        place = max(left - 1, 0)
        self._left[record.id] = place
        return Sample(record, record.explanations[place])
