import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.mapping.examples import HOSTILE, scene
from tests.models.texts import piecewise_encoder

from seewhy.base.errors import UsageError
from seewhy.mapping.sentences import (
    save_sentence,
    see_sentence,
    seen_figure,
    sentence_document,
    sentence_question,
)
from seewhy.mapping.settings import SentenceSettings
from seewhy.methods.text_maps.catalogue import map_method
from seewhy.methods.text_maps.sentences import SentenceView
from seewhy.results.explanation import load_explanation
from seewhy.results.parts import Heatmap

SENTENCE = "a zyzzyva beside a red circle"
SETTINGS = SentenceSettings(size=64)


@pytest.fixture(scope="module")
def encoder():
    return piecewise_encoder()


def seen_in(encoder, sentence=SENTENCE, settings=SETTINGS, image=None):
    question = sentence_question(encoder, sentence, settings)
    return question, see_sentence(question, image or scene(), settings)


@pytest.mark.parametrize("changes", [{}, {"by": "top", "top": 2}])
def test_it_is_the_explanation_of_the_method(encoder, changes):
    settings = SETTINGS.model_copy(update=changes)
    question, seen = seen_in(encoder, settings=settings)
    method = SentenceView(question.methods[0].view, **changes)
    (wanted,) = method.explain(encoder, [scene()], [SENTENCE])
    maps = [part.values for part in wanted.parts if isinstance(part, Heatmap)]
    np.testing.assert_array_equal(seen.looked.maps, np.stack(maps))
    assert seen.words == ("[start]", *SENTENCE.split(), "[end]")
    assert seen.looked.whole[0] == pytest.approx(wanted.score)
    np.testing.assert_array_equal(seen.looked.whole[1:], wanted.parts[-1].scores)


def test_the_words_at_places_are_the_three_of_highest_similarity(encoder):
    _, seen = seen_in(encoder)
    scores = seen.looked.whole[1:]
    assert sorted(seen.places, key=seen.places.get) == np.argsort(-scores)[:3].tolist()
    assert sorted(seen.places.values()) == [0, 1, 2]


def test_the_document_says_what_the_arrays_hold(encoder):
    image = scene(2, width=90, height=50)
    question, seen = seen_in(encoder, image=image)
    found = sentence_document(question, seen, SETTINGS, image="a.png")
    assert (found.width, found.height, found.sentence) == (90, 50, SENTENCE)
    assert found.similarity == found.words[-1].similarity == pytest.approx(seen.explanation.score)
    for number, word in enumerate(found.words):
        values = seen.looked.maps[number + 1]
        assert (word.low, word.high) == (values.min(), values.max())
        row, col = np.unravel_index(values.argmax(), values.shape)
        assert word.x == int((col + 0.5) / values.shape[1] * 90)
        assert word.y == int((row + 0.5) / values.shape[0] * 50)
    ranked = sorted(found.words, key=lambda word: -word.similarity)
    assert [word.place for word in ranked[:4]] == [1, 2, 3, None]


def test_a_sentence_that_is_cut_is_noted_or_refused(encoder):
    question, seen = seen_in(encoder, "dog " * 40)
    assert len(seen.words) == 16
    document = sentence_document(question, seen, SETTINGS, image="a.png")
    assert [note for note in document.notes if "reads 14 tokens" in note]
    with pytest.raises(UsageError, match="Shorten the text"):
        seen_in(encoder, "dog " * 40, SETTINGS.model_copy(update={"strict": True}))


@pytest.mark.parametrize("text", ["", " \n", "\ud800 dog"])
def test_what_is_no_sentence_is_refused(encoder, text):
    with pytest.raises(UsageError, match="text 0"):
        sentence_question(encoder, text, SETTINGS)


def test_other_questions_are_refused(encoder):
    question = sentence_question(encoder, SENTENCE, SETTINGS)
    with pytest.raises(UsageError, match="leave framing alone"):
        see_sentence(question, scene(), SETTINGS.model_copy(update={"framing": "model"}))
    with pytest.raises(UsageError, match="by clip-surgery"):
        see_sentence(replace(question, methods=(map_method("grad-cam"),)), scene(), SETTINGS)


def test_arrays_a_figure_and_a_document_are_written(encoder, tmp_path):
    question, seen = seen_in(encoder)
    document = sentence_document(question, seen, SETTINGS, image="a.png")
    save_sentence(document, seen, tmp_path / "out", image=scene())
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        "sentence.json", "sentence.png", "sentence.safetensors",
    }  # fmt: skip
    assert json.loads((out / "sentence.json").read_bytes()) == document.model_dump(mode="json")
    stored = load_explanation(out / "sentence.safetensors")
    np.testing.assert_array_equal(stored.parts[1].values, seen.looked.maps[1])
    with Image.open(out / "sentence.png") as figure:
        assert figure.width > figure.height


def test_the_figure_shows_the_image_the_sentence_and_the_best_words(encoder):
    _, seen = seen_in(encoder)
    figure = seen_figure("a.png", seen, scene())
    best = [seen.words[number] for number in sorted(seen.places, key=seen.places.get)]
    titles = [axes.get_title() for axes in figure.axes[:5]]
    assert titles[:2] == ["the image", "the sentence"]
    assert titles[2:] == [f"{place}: {word}" for place, word in zip(
        ("1st", "2nd", "3rd"), best, strict=True
    )]  # fmt: skip
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), np.asarray(scene()))


def test_hostile_sentences_are_safe_in_files_and_figures(encoder, tmp_path):
    for number, text in enumerate((" ".join(HOSTILE[:3]), " ".join(HOSTILE[4:7]))):
        question, seen = seen_in(encoder, text)
        document = sentence_document(question, seen, SETTINGS, image=text)
        save_sentence(document, seen, tmp_path / str(number), image=scene())
        stored = json.loads((tmp_path / str(number) / "sentence.json").read_bytes())
        assert stored["sentence"] == text


def test_a_constant_map_has_no_place(encoder):
    _, seen = seen_in(encoder)
    flat = replace(seen.looked, maps=np.zeros_like(seen.looked.maps))
    question = sentence_question(encoder, SENTENCE, SETTINGS)
    document = sentence_document(question, replace(seen, looked=flat), SETTINGS, image="a.png")
    assert {(word.x, word.y) for word in document.words} == {(None, None)}
    assert seen_figure("a.png", replace(seen, looked=flat), scene()).axes
