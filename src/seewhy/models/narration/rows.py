"""Rows of tokens: a question, the answer to it and the reason, each with its segment.

Source: NLX-GPT (Sammani et al., CVPR 2022) and Uni-NLX (ICCVW 2023), and their published code.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from seewhy.base.errors import UsageError
from seewhy.data.narration.records import NO_REGIONS, NarrationRecord, Regions
from seewhy.models.narration.boxes import (
    NO_BOX,
    BoxNumbers,
    mended_references,
    object_tokens,
    published_references,
    region_boxes,
)
from seewhy.models.narration.layouts import RowLayout
from seewhy.models.narration.tokens import (
    ANSWER,
    END,
    EXPLANATION,
    NO_OBJECT,
    OBJECTS,
    PAD,
    QUESTION,
    SPACE,
    NarrationTokenizer,
)

LONGEST_CAPTION = 70
_LONGEST_VCR_QUESTION = 20


@dataclass(frozen=True)
class Row:
    """The tokens of one row before padding.

    `is_target` says which tokens are learnt. `segments` has a special token each, or is None where
    the layout has none; so are `boxes` and `objects`, the token of each place's object number.
    `elsewhere` is the object of padding.
    """

    id: str
    tokens: tuple[str, ...]
    is_target: tuple[bool, ...]
    segments: tuple[str, ...] | None = None
    boxes: tuple[BoxNumbers, ...] | None = None
    objects: tuple[str, ...] | None = None
    elsewhere: str = NO_OBJECT

    def __len__(self) -> int:
        return len(self.tokens)

    def padded(self, length: int) -> "Row":
        """The row with `PAD` on its right, which is no target."""
        more = length - len(self)
        if more < 0:
            raise UsageError(f"row {self.id!r} has {len(self)} tokens; {length} are too few.")
        return replace(
            self,
            tokens=self.tokens + (PAD,) * more,
            is_target=self.is_target + (False,) * more,
            segments=None if self.segments is None else self.segments + (EXPLANATION,) * more,
            boxes=None if self.boxes is None else self.boxes + (NO_BOX,) * more,
            objects=None if self.objects is None else self.objects + (self.elsewhere,) * more,
        )


@dataclass(frozen=True)
class _Part:
    """Tokens of one segment; `boxes` and `objects` hold places that have any."""

    tokens: Sequence[str]
    segment: str
    is_target: bool = False
    boxes: dict[int, BoxNumbers] = field(default_factory=dict)
    objects: dict[int, int] = field(default_factory=dict)

    def cut(self, length: int) -> "_Part":
        return replace(self, tokens=self.tokens[: max(length, 0)])


@dataclass(frozen=True)
class RowMaker:
    """Records to rows.

    Rows that are too long lose their end with `cut` "published", the end marker first. "mended"
    shortens the question, then the objects, the reason and the answer, and keeps the end marker.
    "mended" also gives the box of object k to the name of object k alone, not to any number k.
    `published_noobject` puts `END` where no object is, as the published training did.
    """

    tokenizer: NarrationTokenizer
    layout: RowLayout
    cut: Literal["mended", "published"] = "mended"
    published_noobject: bool = False

    def training_row(self, record: NarrationRecord, explanation: str) -> Row:
        """Question, answer and this reason, at most as long as the layout allows."""
        answer = self.tokenizer.tokens(f"{self.layout.lead} {self.layout.answer_text(record)}")
        reason = self.tokenizer.tokens(f" because {explanation}")
        parts = [
            *self._asked(record),
            _Part([END], ANSWER),
            _Part(answer, ANSWER, is_target=True),
            _Part(reason, EXPLANATION, is_target=True),
            _Part([END], EXPLANATION, is_target=True),
        ]
        return self._row(record.id, self._shortened(parts, order=(1, 0, 4, 3)))

    def prompt(self, record: NarrationRecord) -> Row:
        """The question and the beginning of the answer; nothing is a target."""
        parts = [
            *self._asked(record),
            _Part([END, *self.tokenizer.tokens(self.layout.lead)], ANSWER),
        ]
        if self.cut == "mended":
            parts = self._shortened(parts, order=(1, 0))
        return self._row(record.id, parts)

    def _asked(self, record: NarrationRecord) -> list[_Part]:
        """Objects and question, either of them perhaps without a token."""
        question = self.tokenizer.tokens(self.layout.question_text(record))
        if not self.layout.has_objects:
            return [_Part([], OBJECTS), _Part(question, QUESTION)]
        if record.regions is None and self.cut == "published":
            raise UsageError(
                f"record {record.id!r} has no objects with boxes. Take a layout without objects."
            )
        return self._with_objects(record.regions or NO_REGIONS, question[:_LONGEST_VCR_QUESTION])

    def _with_objects(self, regions: Regions, question: Sequence[str]) -> list[_Part]:
        is_published = self.cut == "published"
        boxes = region_boxes(regions)
        names, numbers = object_tokens(regions, self.tokenizer, splits=is_published)
        find = published_references if is_published else mended_references
        referred = find(question, regions)
        return [
            _Part(
                names,
                OBJECTS,
                boxes={place: boxes[number] for place, number in enumerate(numbers)},
                objects=dict(enumerate(numbers)),
            ),
            _Part(
                question,
                QUESTION,
                boxes={place: boxes[number] for place, number in referred.items()},
            ),
        ]

    def _shortened(self, parts: list[_Part], *, order: Sequence[int]) -> list[_Part]:
        left = list(parts)
        over = sum(len(part.tokens) for part in parts) - self.layout.longest
        places = order if self.cut == "mended" else range(len(parts) - 1, -1, -1)
        for place in places:
            lost = min(max(over, 0), len(left[place].tokens))
            left[place] = left[place].cut(len(left[place].tokens) - lost)
            over -= lost
        if over > 0:
            raise UsageError(
                f"rows of {self.layout.longest} tokens are too short to hold anything; "
                f"{self.layout.longest + over} are needed."
            )
        return left

    def _row(self, id_: str, parts: Sequence[_Part]) -> Row:
        elsewhere = END if self.published_noobject else NO_OBJECT
        places = [(part, place) for part in parts for place in range(len(part.tokens))]
        has_objects = self.layout.has_objects
        return Row(
            id=id_,
            tokens=tuple(part.tokens[place] for part, place in places),
            is_target=tuple(part.is_target for part, _ in places),
            segments=(
                tuple(part.segment for part, _ in places) if self.layout.has_segments else None
            ),
            boxes=(
                tuple(part.boxes.get(place, NO_BOX) for part, place in places)
                if has_objects
                else None
            ),
            objects=(
                tuple(_object(part, place, elsewhere) for part, place in places)
                if has_objects
                else None
            ),
            elsewhere=elsewhere,
        )


def with_concepts(row: Row, concepts: Sequence[str], tokenizer: NarrationTokenizer) -> Row:
    """The row behind the first 20 tokens of the concepts, best first; they are no targets.

    A "_" within a concept stands for a space. Only for rows without segments.
    """
    if row.segments is not None or row.boxes is not None:
        raise UsageError("concepts go before rows without segments: take the layout 'concepts'.")
    words = " ".join(concept.replace("_", " ") for concept in concepts)
    tokens = tuple(tokenizer.tokens(f" {words}")[:20]) if concepts else ()
    return replace(
        row, tokens=tokens + row.tokens, is_target=(False,) * len(tokens) + row.is_target
    )


def caption_row(
    caption: str, tokenizer: NarrationTokenizer, *, id_: str, longest: int = LONGEST_CAPTION
) -> Row:
    """A caption between two end markers, all of it targets, without segments."""
    tokens = (END, *tokenizer.tokens(caption)[: longest - 2], END)
    return Row(id_, tokens, (True,) * len(tokens))


def _object(part: _Part, place: int, elsewhere: str) -> str:
    return f"{SPACE}{part.objects[place]}" if place in part.objects else elsewhere
