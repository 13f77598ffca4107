"""From a sentence and an image to words with scores, maps and a figure."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict

from seewhy.base.errors import UsageError
from seewhy.mapping.asking import Question, asked_question
from seewhy.mapping.drawing import Looked, colour_bar, placement_of
from seewhy.mapping.settings import SentenceSettings
from seewhy.methods.text_maps.sentences import SentenceView
from seewhy.methods.text_maps.surgery import ClipSurgery
from seewhy.models.openclip import OpenClipEncoder
from seewhy.report.figures import figure_bytes
from seewhy.report.grids import Panel
from seewhy.report.sentences import PLACES, TitledPanel, sentence_figure
from seewhy.results.explanation import Explanation
from seewhy.results.files import output_folder, output_path, write_bytes, write_json
from seewhy.results.overlay import overlay, picture
from seewhy.results.parts import ConceptScores, Heatmap
from seewhy.results.text import number_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA: Final = "seewhy.sentence/1"
ARRAYS, FIGURE, DOCUMENT = "sentence.safetensors", "sentence.png", "sentence.json"

_FIGURE_SIDE = 384


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class SentenceWord(_Record):
    """A word, its cosine with the whole image, and its map in figures.

    `place` is 1, 2 or 3 for the words that fit best. `low` and `high` are the ends of the map,
    (x, y) the pixel under the centre of its highest patch.
    """

    word: str
    similarity: float
    place: int | None
    low: float
    high: float
    x: int | None
    y: int | None


class SentenceDocument(_Record):
    """A sentence and an image; `similarity` is that of the whole of both."""

    schema_version: Literal["seewhy.sentence/1"] = SCHEMA
    image: str
    width: int
    height: int
    encoder: str
    sentence: str
    similarity: float
    words: list[SentenceWord]
    notes: list[str]
    settings: dict[str, Any]


@dataclass(frozen=True, eq=False)
class SentenceSeen:
    """An explanation over the grid, its maps (the sentence's first), and the words at places.

    `places` leads from a word by number to 0, 1 or 2.
    """

    explanation: Explanation
    looked: Looked
    places: dict[int, int]

    @property
    def words(self) -> tuple[str, ...]:
        """From "[start]" to "[end]"."""
        return self.looked.texts[1:]


def sentence_question(
    encoder: str | OpenClipEncoder, sentence: str, settings: SentenceSettings
) -> Question:
    """Encoder and sentence, checked before the image is explained; raises as `asked_question`."""
    return asked_question(encoder, [sentence], settings)


def see_sentence(
    question: Question, image: Image.Image, settings: SentenceSettings
) -> SentenceSeen:
    """What the sentence of a question and an image have to do with each other."""
    (surgery,) = question.methods
    if not isinstance(surgery, ClipSurgery) or settings.framing != "whole":
        raise UsageError(
            "a sentence is explained by clip-surgery on whole images. Ask `sentence_question`, and "
            "leave framing alone."
        )
    method = SentenceView(
        surgery.view, surgery.surgery, surgery.redundant, by=settings.by, top=settings.top
    )
    (explanation,) = method.explain(question.encoder, [image], question.texts)
    placement = placement_of(method.view, question.encoder, size=image.size)
    maps = [part for part in explanation.parts if isinstance(part, Heatmap)]
    (scores,) = (part for part in explanation.parts if isinstance(part, ConceptScores))
    looked = Looked(
        method.name,
        tuple(part.title for part in maps),
        np.stack([part.values for part in maps]),
        np.concatenate([scores.scores[-1:], scores.scores]),
        placement,
    )
    best = np.argsort(-scores.scores, kind="stable")[: len(PLACES)].tolist()
    return SentenceSeen(explanation, looked, {word: place for place, word in enumerate(best)})


def sentence_document(
    question: Question,
    seen: SentenceSeen,
    settings: SentenceSettings,
    *,
    image: str,
) -> SentenceDocument:
    """Words and scores as JSON."""
    height, width = seen.looked.placement.image
    return SentenceDocument(
        image=image,
        width=width,
        height=height,
        encoder=question.encoder.name,
        sentence=question.texts[0],
        similarity=float(seen.looked.whole[0]),
        words=[_word(seen, number) for number in range(len(seen.words))],
        notes=list(question.notes),
        settings=settings.model_dump(mode="json"),
    )


def _word(seen: SentenceSeen, number: int) -> SentenceWord:
    looked, place = seen.looked, seen.places.get(number)
    x, y = looked.place(number + 1) or (None, None)
    return SentenceWord(
        word=seen.words[number],
        similarity=float(looked.whole[number + 1]),
        place=None if place is None else place + 1,
        low=float(looked.maps[number + 1].min()),
        high=float(looked.maps[number + 1].max()),
        x=x,
        y=y,
    )


def save_sentence(
    document: SentenceDocument, seen: SentenceSeen, output: Path, *, image: Image.Image
) -> None:
    """Write sentence.safetensors, sentence.png and, last, sentence.json."""
    output = output_folder(output)
    seen.explanation.save(output_path(output, ARRAYS))
    figure = seen_figure(document.image, seen, image)
    write_bytes(output_path(output, FIGURE), figure_bytes(figure, "png"))
    write_json(output_path(output, DOCUMENT), document.model_dump(mode="json"))


def seen_figure(name: str, seen: SentenceSeen, image: Image.Image) -> "Figure":
    """The map of the sentence, those of the words that fit best, and the sentence below."""
    looked, small = seen.looked, picture(image, _FIGURE_SIDE)
    best = sorted(seen.places, key=seen.places.__getitem__)
    shown = [0, *(number + 1 for number in best)]
    scale = float(np.abs(looked.maps[shown]).max())
    size = (small.shape[1], small.shape[0])
    panels = []
    for place, number in enumerate(shown, -1):
        drawn = overlay(small, looked.values(number, size), scale=scale)
        caption = f"similarity {number_text(float(looked.whole[number]))}"
        title = "the sentence" if number == 0 else looked.texts[number]
        panels.append(TitledPanel(title, Panel(drawn, caption), None if place < 0 else place))
    bar = colour_bar(-scale or -1.0, scale or 1.0)
    return sentence_figure(
        [TitledPanel("the image", Panel(small)), *panels],
        seen.words,
        places=seen.places,
        bar=bar,
        title=name,
    )
