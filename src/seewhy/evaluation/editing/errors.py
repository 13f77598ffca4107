"""Systematic errors of whoever wrote some captions, by what an editor did to them."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass

from seewhy.evaluation.editing.attributes import WordClasses
from seewhy.evaluation.editing.counting import EditedCaption, Use, Uses, shares
from seewhy.evaluation.editing.document import (
    AttributeErrors,
    Errors,
    Instead,
    MissedWord,
    Replacement,
    Share,
    WordErrors,
)
from seewhy.evaluation.weighted import Interval

RESAMPLES = 1000
LEAST_USES = 5
MOST_EXAMPLES = 5
MOST_INSTEAD = 5

Named = list[tuple[int, str]]


@dataclass(frozen=True)
class ErrorSettings:
    """`least` uses make a word, or count of a replacement, worth a row of its own."""

    least: int = LEAST_USES
    resamples: int = RESAMPLES
    seed: int = 0

    def recorded(self) -> dict[str, int]:
        """As JSON."""
        return {"least": self.least, "resamples": self.resamples, "seed": self.seed}


def caption_errors(
    edits: Sequence[EditedCaption],
    classes: WordClasses,
    settings: ErrorSettings | None = None,
    *,
    unknown: Container[str] = (),
) -> Errors:
    """Which words were replaced, deleted and missed, how often, and how sure the editor was.

    A word is *systematically* wrong where the lower end of its interval is above the share of all
    words that are wrong, unless the editor does not know the word: then it can only replace it.
    An editor errs, too: what is counted is where it disagrees.
    """
    counting = _Counting(
        tuple(edits), Uses.of(edits), classes, settings or ErrorSettings(), unknown
    )
    return Errors(
        captions=len(edits),
        changed=sum(any(op.kind != "keep" for op in each.operations) for each in edits),
        overall=counting.overall(),
        attributes=counting.attributes(),
        words=counting.words(),
        replacements=counting.replacements(),
        missed=counting.missed(),
    )


@dataclass(frozen=True, eq=False)
class _Counting:
    edits: tuple[EditedCaption, ...]
    uses: Uses
    classes: WordClasses
    settings: ErrorSettings
    unknown: Container[str]

    def overall(self) -> Share:
        """Of all words before the share that was replaced or deleted."""
        hits = [(each.caption, "") for each in self.uses.old if each.is_wrong]
        return self._shares(hits, [(each.caption, "") for each in self.uses.old], {"": ""})[""]

    def attributes(self) -> list[AttributeErrors]:
        """By what words speak of; none of an attribute that no word has, before or after."""
        uses = _named(self.uses.old, self._old_attribute)
        wrong = _named(filter(_is_wrong, self.uses.old), self._old_attribute)
        counted = Counter(
            (each.operation.kind, self._old_attribute(each) or self._new_attribute(each))
            for each in self.uses.every
        )
        there = {
            name(each)
            for each in self.uses.every
            for name in (self._old_attribute, self._new_attribute)
        }
        names = [name for name in self.classes.attributes if name in there]
        found = self._shares(wrong, uses, {name: name for name in names})
        return [
            AttributeErrors(
                name=name,
                replaced=counted["replace", name],
                within=self._within(name),
                deleted=counted["delete", name],
                inserted=counted["insert", name],
                wrong=found[name],
            )
            for name in names
        ]

    def words(self) -> list[WordErrors]:
        """Words with uses enough that were wrong at least once, the surest errors first."""
        wrong = [each for each in self.uses.old if each.is_wrong]
        counts = Counter(_old(each) for each in self.uses.old)
        names = {_old(each) for each in wrong if counts[_old(each)] >= self.settings.least}
        found = self._shares(
            _named(wrong, _old), _named(self.uses.old, _old), {name: name for name in sorted(names)}
        )
        overall = self.overall().value or 0.0
        own = {name: [each for each in wrong if _old(each) == name] for name in found}
        rows = [
            WordErrors(
                word=name,
                attribute=self.classes.of(name),
                replaced=sum(each.operation.kind == "replace" for each in own[name]),
                deleted=sum(each.operation.kind == "delete" for each in own[name]),
                wrong=share,
                is_known=name not in self.unknown,
                is_systematic=_low(share) > overall and name not in self.unknown,
                instead=_instead(own[name]),
                examples=self._examples(own[name]),
            )
            for name, share in found.items()
        ]
        return sorted(rows, key=lambda row: (-_low(row.wrong), row.word))

    def replacements(self) -> list[Replacement]:
        """Words for other words, most frequent first, where the old one has uses enough."""
        replaced = [each for each in self.uses.old if each.operation.kind == "replace"]
        counts = Counter(_old(each) for each in self.uses.old)
        groups: dict[tuple[str, str], list[Use]] = {}
        for each in replaced:
            if counts[_old(each)] >= self.settings.least:
                groups.setdefault((_old(each), _new(each)), []).append(each)
        found = self._shares(
            _named(replaced, lambda each: f"{_old(each)} {_new(each)}"),
            _named(self.uses.old, _old),
            {f"{old} {new}": old for old, new in groups},
        )
        rows = [
            Replacement(
                old=old,
                new=new,
                attribute=self.classes.of(old),
                of_old=found[f"{old} {new}"],
                support=_mean(each.support for each in own),
                examples=self._examples(own),
            )
            for (old, new), own in groups.items()
        ]
        return sorted(
            rows, key=lambda row: (-row.of_old.count, -_low(row.of_old), row.old, row.new)
        )

    def missed(self) -> list[MissedWord]:
        """Words that were inserted, among their uses afterwards; most frequent first."""
        inserted = [each for each in self.uses.new if each.operation.kind == "insert"]
        counts = Counter(_new(each) for each in self.uses.new)
        names = {_new(each) for each in inserted if counts[_new(each)] >= self.settings.least}
        found = self._shares(
            _named(inserted, _new),
            _named(self.uses.new, _new),
            {name: name for name in sorted(names)},
        )
        own = {name: [each for each in inserted if _new(each) == name] for name in found}
        rows = [
            MissedWord(
                word=name,
                attribute=self.classes.of(name),
                of_new=share,
                support=_mean(each.support for each in own[name]),
                examples=self._examples(own[name]),
            )
            for name, share in found.items()
        ]
        return sorted(rows, key=lambda row: (-row.of_new.count, -_low(row.of_new), row.word))

    def _within(self, attribute: str) -> int:
        return sum(
            each.operation.kind == "replace"
            and self._old_attribute(each) == self._new_attribute(each) == attribute
            for each in self.uses.every
        )

    def _old_attribute(self, use: Use) -> str:
        return self.classes.of(use.operation.old) if use.operation.old is not None else ""

    def _new_attribute(self, use: Use) -> str:
        return self.classes.of(use.operation.new) if use.operation.new is not None else ""

    def _shares(self, hits: Named, uses: Named, base: dict[str, str]) -> dict[str, Share]:
        ratios = shares(hits, uses, base=base)
        found = ratios.intervals(
            len(self.edits), resamples=self.settings.resamples, seed=self.settings.seed
        )
        hit, used = Counter(name for _, name in hits), Counter(name for _, name in uses)
        unknown = Interval(float("nan"), float("nan"), float("nan"))
        return {
            name: Share.of(hit[name], used[whole], found.get(name, unknown))
            for name, whole in base.items()
        }

    def _examples(self, uses: Sequence[Use]) -> list[str]:
        """Ids of captions, those that the editor was surest of first."""
        ordered = sorted(uses, key=lambda each: (-(each.support or 0.0), each.caption))
        ids = dict.fromkeys(self.edits[each.caption].id for each in ordered)
        return list(ids)[:MOST_EXAMPLES]


def _is_wrong(use: Use) -> bool:
    return use.is_wrong


def _old(use: Use) -> str:
    return use.operation.old or ""


def _new(use: Use) -> str:
    return use.operation.new or ""


def _named(uses: Iterable[Use], name: Callable[[Use], str]) -> Named:
    return [(each.caption, name(each)) for each in uses]


def _low(share: Share) -> float:
    return share.low or 0.0


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _instead(uses: Sequence[Use]) -> list[Instead]:
    """What took a word's place, most frequent first; None where nothing did."""
    counts = Counter(each.operation.new for each in uses)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0] or ""))
    return [
        Instead(
            word=word,
            count=count,
            support=_mean(each.support for each in uses if each.operation.new == word),
        )
        for word, count in ordered[:MOST_INSTEAD]
    ]
