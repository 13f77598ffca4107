"""What is seen in an image and shared with classes, as texts and figures."""

import math
from collections.abc import Sequence

from seewhy.concepts.asking import Reader
from seewhy.concepts.entries import ClassReading, Contrast, PartReading, Reading, ScoredText
from seewhy.methods.mutual_knowledge.contrast import contrast_classes
from seewhy.methods.mutual_knowledge.knowledge import SeenImage


def read_image(reader: Reader, seen: SeenImage, *, truth: int | None, picture: str) -> Reading:
    """The predicted class, the runner-up and the true class against what the image shows."""
    asked = reader.asked
    winner, runner_up = seen.order[:2]
    rivals = [runner_up] if truth in (None, winner, runner_up) else [runner_up, truth]
    ranked = seen.texts.ranked
    return Reading(
        encoder=reader.name,
        predicted=_class(reader, seen, number=winner),
        runner_up=_class(reader, seen, number=runner_up),
        truth=None if truth is None else _class(reader, seen, number=truth),
        is_correct=None if truth is None else truth == winner,
        parts=_parts(reader, seen),
        ignored=seen.ignored,
        ranking=seen.texts.ranking,
        is_fallback=seen.is_fallback,
        found=_scored(asked.words(seen.concepts), ranked.scores.tolist()),
        expected=_scored(asked.words(asked.expected[winner]), asked.expected_similarities[winner]),
        contrasts=[
            _contrast(reader, seen, winner=winner, rival=rival)
            for rival in rivals
            if rival is not None
        ],
        picture=picture,
    )


def _class(reader: Reader, seen: SeenImage, *, number: int) -> ClassReading:
    against = reader.method.against(reader.asked, seen, number)
    overlap, expected = against.overlap, set(reader.asked.expected[number])
    return ClassReading(
        name=against.name,
        similarity=float(seen.similarities[number]),
        shared=list(reader.asked.words([each for each in seen.concepts if each in expected])),
        index=overlap.index,
        share=_known(overlap.share),
        jaccard=_known(overlap.jaccard),
        information=overlap.information,
        p_value=overlap.p_value,
        printed=_known(overlap.printed),
        ranked=_known(overlap.ranked),
        area=against.area,
        curve=against.curve.tolist(),
    )


def _parts(reader: Reader, seen: SeenImage) -> list[PartReading]:
    places = {number: place for place, number in enumerate(seen.texts.candidates.ids.tolist())}
    rows = zip(seen.parts, seen.texts.ids.tolist(), seen.texts.values.tolist(), strict=True)
    return [
        PartReading(
            number=part.label + 1,
            share=part.area / seen.labels.size,
            texts=_scored(reader.asked.words(ids), [values[places[number]] for number in ids]),
        )
        for part, ids, values in rows
    ]


def _contrast(reader: Reader, seen: SeenImage, *, winner: int, rival: int) -> Contrast:
    asked = reader.asked
    found = contrast_classes(
        seen.concepts, winner=asked.expected[winner], rival=asked.expected[rival]
    )
    return Contrast(
        rival=asked.classes[rival],
        both=list(asked.words(found.both)),
        winner=list(asked.words(found.winner)),
        rivals=list(asked.words(found.rival)),
        neither=list(asked.words(found.neither)),
        missing=list(asked.words(found.missing)),
    )


def _scored(texts: Sequence[str], scores: Sequence[float]) -> list[ScoredText]:
    return [ScoredText(text=text, score=score) for text, score in zip(texts, scores, strict=True)]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
