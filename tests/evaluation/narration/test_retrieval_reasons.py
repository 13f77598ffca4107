from dataclasses import replace

import pytest
from tests.telling.examples import narrator

from seewhy.base.errors import UsageError
from seewhy.data.narration.drawn.dataset import drawn_narrations
from seewhy.evaluation.narration.retrieval_reasons import narrator_reasons

QUESTIONS = ["what colour is the circle", "what is the circle", "is the circle red"]


@pytest.fixture(scope="module")
def records():
    found = [each.record for each in drawn_narrations(3, tasks=("vqaX",), seed=4)]
    return [
        replace(record, images=(f"{number}.png",), question=question)
        for number, (record, question) in enumerate(zip(found, QUESTIONS, strict=True))
    ]


def test_each_pair_has_the_reason_that_it_has_alone(records):
    retrieved = {record.images[0]: QUESTIONS[:2] for record in records}
    together = narrator_reasons(retrieved, records, narrator(), direction="i2t", batch_size=4)
    for image, questions in retrieved.items():
        for place, question in enumerate(questions):
            alone = narrator_reasons({image: [question]}, records, narrator(), direction="i2t")
            assert alone == {image: [together[image][place]]}


def test_both_directions_ask_the_same_of_a_pair(records):
    images = [record.images[0] for record in records]
    there = narrator_reasons({images[1]: QUESTIONS}, records, narrator(), direction="i2t")
    back = narrator_reasons(
        {question: [images[1]] for question in QUESTIONS}, records, narrator(), direction="t2i"
    )
    assert [back[question][0] for question in QUESTIONS] == there[images[1]]


def test_images_for_images_are_asked_their_own_question(records):
    images = [record.images[0] for record in records]
    found = narrator_reasons({images[0]: images}, records, narrator(), direction="i2i")
    own = {image: [question] for image, question in zip(images, QUESTIONS, strict=True)}
    asked = narrator_reasons(own, records, narrator(), direction="i2t")
    assert found[images[0]] == [asked[image][0] for image in images]


def test_an_image_that_nobody_asks_about_is_refused(records):
    with pytest.raises(UsageError, match=r"no question is about the image 'x.png'"):
        narrator_reasons({"x.png": QUESTIONS}, records, narrator(), direction="i2t")
