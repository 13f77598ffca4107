"""Edited captions whose truth is known: what was repaired, what was left alone, what got worse."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import nn

from seewhy.base.errors import InternalError, UsageError
from seewhy.data.editing.corruption import CORRUPTIONS
from seewhy.data.editing.records import EditRecord, Words
from seewhy.evaluation.captions.cider import cider
from seewhy.evaluation.captions.items import Items
from seewhy.models.editing.decoding import DecodeOptions, decode
from seewhy.models.editing.stepping import EditorNetwork
from seewhy.models.guard import device_of, inference
from seewhy.training.editing.batches import RegionTable, Writer
from seewhy.training.editing.scaling import Scale, scaled_regions

Shuffle = Literal["none", "captions", "images"]
SHUFFLES: tuple[Shuffle, ...] = ("captions", "images")
_GREEDY = DecodeOptions("greedy", batch=128)


@dataclass(frozen=True, eq=False)
class Cases:
    """Records to judge by, and the regions of their images at the same places."""

    records: tuple[EditRecord, ...]
    regions: RegionTable

    def scaled(self, scale: Scale | None) -> "Cases":
        """The same with scaled regions."""
        return Cases(self.records, scaled_regions(self.regions, scale))


@dataclass(frozen=True)
class Judged:
    """What became of a caption; `is_finished` is False for one that was cut off."""

    record: EditRecord
    edited: Words
    is_finished: bool

    @property
    def is_exact(self) -> bool:
        """Whether it is one of the truths, word by word."""
        return self.edited in self.record.truths

    @property
    def was_exact(self) -> bool:
        """Whether the caption was one of the truths before."""
        return self.record.caption in self.record.truths

    @property
    def is_kept(self) -> bool:
        """Whether no word was changed."""
        return self.edited == self.record.caption


@dataclass(frozen=True)
class Judgement:
    """All of them."""

    items: tuple[Judged, ...]

    @property
    def figures(self) -> dict[str, float]:
        """Shares, and CIDEr (0 to 10) of the edited captions and of those that came.

        "kept" is the share of right captions that were left as they are, "repaired" that of wrong
        ones that are right now. A figure that nothing can be said about is left out.
        """
        clean = [each.is_kept for each in self.items if each.was_exact]
        wrong = [each.is_exact for each in self.items if not each.was_exact]
        return {
            "exact": _share([each.is_exact for each in self.items]),
            "exact before": _share([each.was_exact for each in self.items]),
            **({"kept": _share(clean)} if clean else {}),
            **({"repaired": _share(wrong)} if wrong else {}),
            "changed": _share([not each.is_kept for each in self.items]),
            "finished": _share([each.is_finished for each in self.items]),
            "CIDEr": self._cider([each.edited for each in self.items]),
            "CIDEr before": self._cider([each.record.caption for each in self.items]),
        }

    @property
    def by_kind(self) -> dict[str, float]:
        """Of the captions with a fault of each kind, the share that is right now."""
        faults = [{fault.kind for fault in each.record.corruptions} for each in self.items]
        found: dict[str, float] = {}
        for kind in CORRUPTIONS:
            pairs = zip(self.items, faults, strict=True)
            repaired = [each.is_exact for each, kinds in pairs if kind in kinds]
            if repaired:
                found[kind] = _share(repaired)
        return found

    def _cider(self, captions: Sequence[Words]) -> float:
        """With the frequencies of these truths, as the COCO toolkit has it."""
        items = Items(
            tuple(range(len(self.items))),
            tuple(captions),
            tuple(each.record.truths for each in self.items),
        )
        return float(cider(items).mean())


@dataclass(frozen=True)
class Judge:
    """Has captions edited and judges what comes of them."""

    writer: Writer
    options: DecodeOptions = _GREEDY

    def judged(
        self, network: EditorNetwork, cases: Cases, *, shuffle: Shuffle = "none"
    ) -> Judgement:
        """All cases; with a shuffle each has the caption, or the image, of the next one."""
        if not cases.records:
            raise UsageError("there are no captions to judge by. Name data that hold some.")
        if not isinstance(network, nn.Module):
            raise InternalError(f"{type(network).__name__} is no module, so has no device.")
        count = len(cases.records)
        own, other = range(count), [(place + 1) % count for place in range(count)]
        read = other if shuffle == "captions" else own
        seen = other if shuffle == "images" else own
        items: list[Judged] = []
        step = self.options.batch
        with inference(network):
            for start in range(0, count, step):
                places = own[start : start + step]
                captions = [cases.records[read[place]].caption for place in places]
                regions = cases.regions([seen[place] for place in places])
                inputs = self.writer.inputs(captions, regions).to(device_of(network))
                told = decode(network, inputs, self.writer.vocabulary, self.options)
                items += [
                    self._item(cases.records[place], each[0].ids, is_finished=each[0].is_finished)
                    for place, each in zip(places, told, strict=True)
                ]
        return Judgement(tuple(items))

    def _item(self, record: EditRecord, ids: Sequence[int], *, is_finished: bool) -> Judged:
        return Judged(record, self.writer.vocabulary.decode(ids), is_finished)


def _share(values: Sequence[bool]) -> float:
    return float(np.mean(values))
