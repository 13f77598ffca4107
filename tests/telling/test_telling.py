from dataclasses import replace

import numpy as np
import pytest
from tests.telling.examples import (
    ANSWERS,
    QUESTION,
    classifier,
    image,
    narrator,
    question,
    scene,
)

from seewhy.base.errors import DataError, UsageError
from seewhy.models.guard import fingerprint
from seewhy.telling import telling as module
from seewhy.telling.phrases import NounPhrase
from seewhy.telling.sentences import Sentence
from seewhy.telling.telling import tell


def one(asked, shown, **options):
    ((told,),) = tell(asked, [shown], **options)
    return told.telling


def things(telling):
    return [phrase for each in telling.statements for phrase in each.phrases]


def saying(monkeypatch, reason, answer="red"):
    """Any narrator says this of every image."""

    def said(who, tokens, records, _options):
        ids = who.tokenizer.ids(who.tokenizer.tokens(f" {answer} because {reason}"))
        split = len(answer.split()) + 1
        return [
            Sentence(who.prompt(each), tuple(ids), answer, reason, tuple(ids[split:]), -1.0)
            for each, _ in zip(records, tokens, strict=True)
        ]

    monkeypatch.setattr(module, "written", said)


def test_a_true_reason_is_supported_where_it_says():
    told = one(question(hiding=False), image("red"), scenes=[scene("red")])
    assert (told.answer, told.reason) == ("red", ANSWERS["red"])
    assert (told.verdict, told.truth) == ("supported", "true")
    (thing,) = things(told)
    assert (thing.text, thing.place, thing.words) == ("a red circle", "top left", [3, 4])
    assert thing.lead > 0.25
    assert thing.height == pytest.approx(1, abs=0.05)
    assert thing.region.right <= 33
    assert thing.region.bottom <= 33


def test_what_is_said_to_be_missing_is_supported_by_its_absence():
    told = one(question(hiding=False), image("blue"), scenes=[scene("blue")])
    assert [(each.text, each.verdict, each.truth) for each in told.statements] == [
        ("the circle is blue", "supported", "true"),
        ("there is no green square", "supported", "true"),
    ]
    missing = things(told)[1]
    assert (missing.is_negated, missing.region, missing.sentence) == (True, None, None)


@pytest.mark.parametrize(
    ("reason", "support", "truth"),
    [
        ("there is a blue circle at the top left", "not supported", "false"),
        ("there is a red circle at the bottom right", "not supported", "false"),
        ("there is no red circle", "not supported", "false"),
        ("there is a red circle and there is a blue square", "not supported", "false"),
        ("there is a white square at the bottom right", "supported", "true"),
        ("there are two objects", "undecided", "true"),
        ("", "undecided", "not understood"),
    ],
)
def test_other_reasons(monkeypatch, reason, support, truth):
    saying(monkeypatch, reason)
    told = one(question(hiding=False), image("red"), scenes=[scene("red")])
    assert (told.verdict, told.truth) == (support, truth)


def test_other_things_are_held_against_a_bank(monkeypatch):
    saying(monkeypatch, "the green hill is under the red roof")
    asked = question(hiding=False)
    hill, roof = things(one(asked, image("red")))
    assert (hill.text, roof.text) == ("green hill", "red roof")
    assert (roof.rank, roof.verdict) == (1, "supported")
    assert roof.rival in asked.looker.bank
    assert hill.rival == "blue sky"


def test_hiding_what_the_answer_rests_on_costs_more_than_hiding_other_places():
    """The circle's colour decides what is told; the narrator falls back on red without it."""
    told = one(question(), image("blue"))
    circle, _ = things(told)
    assert circle.sentence.fall > 1
    assert abs(circle.sentence.elsewhere) < circle.sentence.fall / 2
    assert circle.verdict == "supported"


def test_a_sentence_that_rests_on_other_places_leaves_it_undecided(monkeypatch):
    """It names the white square, while its words change with the circle alone."""
    saying(monkeypatch, "there is a white square at the bottom right", answer="blue")
    told = one(question(), image("blue"))
    (square,) = things(told)
    assert square.sentence.elsewhere > square.sentence.fall + 0.1
    assert square.verdict == "undecided"


def test_a_classifiers_class_is_the_answer_and_gets_a_reason():
    asked = question(classifier=classifier())
    told = one(asked, image("red"))
    assert (told.answer, told.is_given, told.own_answer) == ("red", True, "red")
    assert told.reason == ANSWERS["red"]
    assert told.probability > 0.9
    (thing,) = things(told)
    assert thing.answer.fall > thing.answer.elsewhere


def test_an_answer_that_the_narrator_would_not_give_is_told_apart():
    told = one(question(classifier=classifier(("blue", "red", "yellow"))), image("red"))
    assert (told.answer, told.own_answer) == ("blue", "red")
    assert told.reason


def test_images_do_not_see_each_other():
    asked = question(classifier=classifier())
    shown = [image("red"), image("blue"), image("red", side=96)]
    together = tell(asked, shown)
    for each, own in zip(together, [tell(asked, [every])[0] for every in shown], strict=True):
        (first,), (second,) = each, own
        assert first.telling.reason == second.telling.reason
        assert first.telling.verdict == second.telling.verdict
        for seen, other in zip(first.maps, second.maps, strict=True):
            np.testing.assert_allclose(seen.values, other.values, atol=1e-5)


def test_every_question_is_answered():
    asked = question(support=False)
    both = ("what is the main object in the image", QUESTION)
    asked = replace(asked, settings=asked.settings.model_copy(update={"questions": both}))
    for own in tell(asked, [image("red"), image("blue")]):
        assert [each.telling.question for each in own] == list(both)
        assert own[1].telling.reason in ANSWERS.values()
        assert own[1].telling.verdict is None
        assert things(own[1].telling) == []


def test_a_word_that_the_encoder_does_not_know_is_no_verdict(monkeypatch):
    asked = question(hiding=False)
    known = asked.looker.encoder.tokenizer
    monkeypatch.setattr(
        known, "unknown_words", lambda text: ("circle",) * ("circle" in text), raising=False
    )
    (thing,) = things(one(asked, image("red")))
    assert (thing.verdict, thing.lead) == ("undecided", None)
    assert "does not know the word 'circle'" in thing.why


def test_a_class_without_words_is_a_fault_of_its_image():
    asked = question(classifier=classifier(("tabby cat", "red", "yellow")))
    with pytest.raises(DataError, match="'tabby cat' holds 'tabby'"):
        tell(asked, [image("red")])


def test_scenes_belong_to_images():
    with pytest.raises(UsageError, match="1 scenes came with 2 images"):
        tell(question(), [image("red")] * 2, scenes=[None])
    assert tell(question(), []) == []


def test_the_models_stay_as_they_were():
    asked = question(classifier=classifier())
    modules = (narrator(), asked.looker.encoder.module, asked.classifier.module)
    before = [fingerprint(each) for each in modules]
    tell(asked, [image("red")])
    assert [fingerprint(each) for each in modules] == before


def test_attention_on_a_region_is_told_over_its_mean():
    looks = {0: np.ones((4, 4)), 1: np.zeros((4, 4))}
    looks[1][0, 0] = 16
    mask = np.zeros((4, 4), dtype=bool)
    mask[0, :2] = True
    peak = module.Peak((0, 0), mask)
    assert module._lift(NounPhrase("x", (0,)), looks, peak) == 1
    assert module._lift(NounPhrase("x", (1,)), looks, peak) == 8
    assert module._lift(NounPhrase("x", (0, 1)), looks, peak) == 4.5
    assert module._lift(NounPhrase("x", (7,)), looks, peak) is None
