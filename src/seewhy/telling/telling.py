"""Answers and reasons about images, each with what supports it: the job without its files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from seewhy.base.errors import DataError, UsageError
from seewhy.data.narration.drawn.truth import truth_of
from seewhy.data.scenes import Scene
from seewhy.mapping.drawing import Looked
from seewhy.models.classifiers import Classifier
from seewhy.models.guard import inference
from seewhy.models.narration.narrator import Narrator
from seewhy.models.placed_maps import over_image
from seewhy.similarity.regions import Peak, peak_of
from seewhy.telling.asking import TellingQuestion, spoken_class, unknown_words
from seewhy.telling.entries import Hiding, PhraseSupport, StatementSupport, Telling
from seewhy.telling.hiding import falls
from seewhy.telling.looking import findings
from seewhy.telling.nouns import Statement, statements
from seewhy.telling.phrases import NounPhrase
from seewhy.telling.sentences import (
    Sentence,
    asked,
    continued,
    log_probabilities,
    word_tokens,
    written,
)
from seewhy.telling.support import is_used, joined, place_cells, verdict_of

RASTER = 96
"""The side of the picture over which maps of encoder and narrator are compared."""

Values = Float[np.ndarray, "height width"]


@dataclass(frozen=True, eq=False)
class Told:
    """An answer with its reason, and for each of its things, in order, where the encoder sees it.

    A thing that is not looked for has no map.
    """

    telling: Telling
    maps: tuple["Seen | None", ...]


@dataclass(frozen=True, eq=False)
class Seen:
    """A map of the encoder over a small picture of the image, and its top region."""

    values: Values
    peak: Peak | None


@dataclass(frozen=True)
class _Predicted:
    place: int
    answer: str
    probability: float


def tell(
    question: TellingQuestion,
    images: Sequence[Image.Image],
    *,
    scenes: Sequence[Scene | None] | None = None,
) -> list[list[Told]]:
    """For each image an answer and a reason to each question, checked as the settings say.

    With the scene that an image shows every statement is also held against it. What is told of an
    image does not depend on the others. Raises `DataError` for a class that the narrator has no
    words for, `UsageError` for other than one scene, or None, per image.
    """
    if scenes is not None and len(scenes) != len(images):
        raise UsageError(f"{len(scenes)} scenes came with {len(images)} images; give one for each.")
    if not images:
        return []
    predicted = _predictions(question, images)
    drafts = _drafts(question, images, predicted)
    said = [[_spoken(draft.sentence) for draft in each] for each in drafts]
    found: Sequence[Looked | None] = [None] * len(images)
    if question.looker is not None:
        named = [[phrase for each in own for phrase in _phrases(each)] for own in said]
        found = question.looker.look(images, named)
    return [
        [
            _Checked(question, image, maps, prediction, scene).told(draft, spoken)
            for draft, spoken in zip(own, reasons, strict=True)
        ]
        for image, maps, prediction, scene, own, reasons in zip(
            images, found, predicted, scenes or [None] * len(images), drafts, said, strict=True
        )
    ]


@dataclass(frozen=True)
class _Draft:
    """A sentence; of one with a given answer also what the narrator itself would have said."""

    question: str
    sentence: Sentence
    own_answer: str | None = None


@dataclass(frozen=True, eq=False)
class _Checked:
    """One image, and all that its reasons are held against."""

    question: TellingQuestion
    image: Image.Image
    found: Looked | None
    predicted: _Predicted | None
    scene: Scene | None

    def told(self, draft: _Draft, spoken: Sequence[Statement]) -> Told:
        """The finished entry of one question."""
        sentence = draft.sentence
        phrases = _phrases(spoken)
        seen = [self._seen(phrase) for phrase in phrases]
        supports = self._supports(sentence, phrases, seen)
        groups, start = [], 0
        for each in spoken:
            own = supports[start : start + len(each.phrases)]
            start += len(each.phrases)
            groups.append(
                StatementSupport(
                    text=each.text,
                    verdict=joined([support.verdict for support in own]),
                    truth=truth_of(each.text, self.scene) if self.scene else None,
                    phrases=own,
                )
            )
        has_support = self.question.looker is not None
        return Told(
            Telling(
                question=draft.question,
                answer=sentence.answer,
                reason=sentence.reason,
                log_probability=sentence.log_probability,
                is_given=self.predicted is not None,
                own_answer=draft.own_answer,
                probability=self.predicted.probability if self.predicted else None,
                verdict=joined([each.verdict for each in groups]) if has_support else None,
                truth=truth_of(sentence.reason, self.scene) if self.scene else None,
                statements=groups,
            ),
            tuple(seen),
        )

    def _seen(self, phrase: NounPhrase) -> Seen | None:
        """The map of a thing; where a place is named, the region is looked for there alone.

        What is said to be missing has no region.
        """
        found = self.found
        if found is None or phrase.text not in found.texts:
            return None
        values = found.values(found.texts.index(phrase.text), (RASTER, RASTER))
        if phrase.is_negated:
            return Seen(values, None)
        searched = values
        if phrase.place is not None:
            searched = np.where(place_cells(phrase.place, (RASTER, RASTER)), values, np.nan)
        share = self.question.settings.region * values.size / np.isfinite(searched).sum()
        return Seen(values, peak_of(searched, share=min(share, 1.0)))

    def _supports(
        self, sentence: Sentence, phrases: Sequence[NounPhrase], seen: Sequence[Seen | None]
    ) -> list[PhraseSupport]:
        if self.question.looker is None:
            return []
        hidings = self._hidings(sentence, phrases, seen)
        looks = _attention(self.question.narrator, sentence, self.image)
        return [
            self._support(phrase, each, hiding, looks)
            for phrase, each, hiding in zip(phrases, seen, hidings, strict=True)
        ]

    def _support(
        self,
        phrase: NounPhrase,
        seen: Seen | None,
        hiding: tuple[Hiding | None, Hiding | None],
        looks: dict[int, Values],
    ) -> PhraseSupport:
        looker = self.question.looker
        unknown = PhraseSupport(
            text=phrase.text,
            words=list(phrase.words),
            is_negated=phrase.is_negated,
            place=phrase.place,
            verdict="undecided",
            why="there is nothing to look for",
        )
        if looker is None or self.found is None or seen is None:
            lack = looker.lack_of(phrase.text) if looker else ""
            return unknown.model_copy(update={"why": lack or unknown.why})
        result = findings(phrase, self.found, looker.contrasts(phrase.text))
        sentence, answer = hiding
        if sentence is not None:
            result = replace(result, is_used=is_used(sentence.fall, sentence.elsewhere))
        verdict, why = verdict_of(result, is_negated=phrase.is_negated)
        there = result.presence
        return unknown.model_copy(
            update={
                "verdict": verdict,
                "why": why,
                "lead": there.lead if there else None,
                "rank": there.rank if there else None,
                "rival": there.rival if there else None,
                "height": result.height,
                "attention": _lift(phrase, looks, seen.peak),
                "sentence": sentence,
                "answer": answer,
                "region": seen.peak.region(self.image.size) if seen.peak else None,
            }
        )

    def _hidings(
        self, sentence: Sentence, phrases: Sequence[NounPhrase], seen: Sequence[Seen | None]
    ) -> list[tuple[Hiding | None, Hiding | None]]:
        """What hiding each thing costs the sentence, and the class; nothing of absent things."""
        places = [
            place for place, each in enumerate(seen) if each is not None and each.peak is not None
        ]
        found: list[tuple[Hiding | None, Hiding | None]] = [(None, None)] * len(phrases)
        if not self.question.settings.hiding or not places:
            return found
        masks = [each.peak.mask for place in places if (each := seen[place]) and each.peak]
        narrator, classifier = self.question.narrator, self.question.classifier
        told = falls(self.image, masks, partial(_sentence_scores, narrator, sentence))
        classed: list[Hiding | None] = [None] * len(masks)
        if classifier is not None and self.predicted is not None:
            scores = partial(_class_scores, classifier, self.predicted.place)
            classed = [*falls(self.image, masks, scores)]
        for place, one, other in zip(places, told, classed, strict=True):
            found[place] = (one, other)
        return found


def _spoken(sentence: Sentence) -> tuple[Statement, ...]:
    return statements(sentence.reason, answer=sentence.answer)


def _phrases(spoken: Sequence[Statement]) -> list[NounPhrase]:
    return [phrase for each in spoken for phrase in each.phrases]


def _drafts(
    question: TellingQuestion,
    images: Sequence[Image.Image],
    predicted: Sequence[_Predicted | None],
) -> list[list[_Draft]]:
    """Sentences of each image, all of a batch written together."""
    narrator, asked_questions = question.narrator, question.settings.questions
    pixels = torch.stack([narrator.preprocess(image) for image in images])
    with inference(narrator):
        tokens = narrator.image_tokens(pixels.to(narrator.device))
    tokens = tokens.repeat_interleave(len(asked_questions), dim=0)
    records = [asked(each) for _ in images for each in asked_questions]
    own = written(narrator, tokens, records, question.options)
    drafts = [
        _Draft(asked_questions[place % len(asked_questions)], each)
        for place, each in enumerate(own)
    ]
    answers = [each.answer for each in predicted if each for _ in asked_questions]
    if answers:
        given = continued(
            narrator, tokens, list(zip(records, answers, strict=True)), question.options
        )
        drafts = [
            _Draft(draft.question, each, own_answer=draft.sentence.answer)
            for draft, each in zip(drafts, given, strict=True)
        ]
    size = len(asked_questions)
    return [drafts[start : start + size] for start in range(0, len(drafts), size)]


def _predictions(
    question: TellingQuestion, images: Sequence[Image.Image]
) -> list[_Predicted | None]:
    classifier = question.classifier
    if classifier is None:
        return [None] * len(images)
    logits = _logits(classifier, images)
    if not logits.isfinite().all():
        raise DataError("non_finite", f"{classifier.name} gives scores that are not finite.")
    found: list[_Predicted | None] = []
    for row in logits.softmax(dim=1):
        place = int(row.argmax())
        answer = spoken_class(classifier.classes[place])
        unknown = unknown_words(question.narrator, f" {answer}")
        if unknown:
            raise DataError(
                "unknown_class",
                f"the predicted class {classifier.classes[place]!r} holds {unknown[0]!r}, which "
                "the narrator does not know.",
            )
        found.append(_Predicted(place, answer, float(row[place])))
    return found


def _logits(classifier: Classifier, images: Sequence[Image.Image]) -> Tensor:
    pixels = [classifier.preprocess(image) for image in images]
    if len({each.shape for each in pixels}) > 1:
        return torch.cat([classifier.logits(each[None]) for each in pixels])
    return classifier.logits(torch.stack(pixels))


def _class_scores(classifier: Classifier, place: int, images: Sequence[Image.Image]) -> list[float]:
    found: list[float] = _logits(classifier, images).log_softmax(dim=1)[:, place].tolist()
    return found


def _sentence_scores(
    narrator: Narrator, sentence: Sentence, images: Sequence[Image.Image]
) -> list[float]:
    pixels = torch.stack([narrator.preprocess(image) for image in images])
    return log_probabilities(narrator, sentence, pixels)


def _attention(narrator: Narrator, sentence: Sentence, image: Image.Image) -> dict[int, Values]:
    """Where the narrator looked for each word of a reason, over a small picture of the image."""
    if sentence.attention is None:
        return {}
    rows, cols = narrator.tower.grid(*narrator.config.image_size)
    placement = narrator.config.preprocessing.placement(image.size)
    small = replace(placement, image=(RASTER, RASTER))
    found = {}
    for word, places in enumerate(word_tokens(narrator.tokenizer, sentence.reason_ids)):
        if places:
            mean = sentence.attention[list(places)].mean(dim=0)
            found[word] = over_image(mean.view(rows, cols), small).numpy()
    return found


def _lift(phrase: NounPhrase, looks: dict[int, Values], peak: Peak | None) -> float | None:
    """The mean attention on a region over that on the whole image; 1 is what chance gives."""
    own = [looks[word] for word in phrase.words if word in looks]
    if peak is None or not own:
        return None
    mean = np.mean(own, axis=0)
    inside, overall = np.nanmean(mean[peak.mask]), np.nanmean(mean)
    return float(inside / overall) if overall > 0 and np.isfinite(inside) else None
