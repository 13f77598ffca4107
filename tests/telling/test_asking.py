import pytest
from tests.telling.examples import (
    ANSWERS,
    QUESTION,
    classifier,
    image,
    narrator,
    scene,
    untrained,
)

from seewhy.base.errors import UsageError
from seewhy.models.narration.layouts import RowLayout
from seewhy.models.narration.storage import save_narrator
from seewhy.models.tiny import tiny_classifier, tiny_dual_encoder
from seewhy.telling import asking
from seewhy.telling.asking import asked_telling, spoken_class, unknown_words
from seewhy.telling.sentences import asked
from seewhy.telling.settings import TellingSettings
from seewhy.telling.telling import tell


def settings(**changes):
    return TellingSettings(
        **{"questions": (QUESTION,), "support": False, "device": "cpu"} | changes
    )


def test_a_narrator_that_does_not_ship_is_said_to_be_missing(monkeypatch):
    monkeypatch.setattr(asking, "embedded_narrators", tuple)
    with pytest.raises(UsageError, match="no narrator 'embedded:narrator-tiny' comes with") as told:
        asked_telling("embedded:narrator-tiny", settings())
    assert "seewhy train narrator --preset tiny" in str(told.value)


def test_a_folder_that_is_none_is_said_so(tmp_path):
    with pytest.raises(UsageError, match="is no folder"):
        asked_telling(str(tmp_path / "nowhere"), settings())
    with pytest.raises(UsageError, match="holds neither"):
        asked_telling(str(tmp_path), settings())


def test_a_stored_narrator_is_asked_by_its_folder(tmp_path):
    save_narrator(tmp_path / "stored", narrator())
    found = asked_telling(str(tmp_path / "stored"), settings())
    assert found.narrator.config == narrator().config
    assert found.digest() == asked_telling(tmp_path / "stored", settings()).digest()
    assert found.looker is None


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ((), "are none"),
        ((QUESTION, QUESTION), "comes twice"),
        (("?!",), "has no words"),
        (("what is the elephant doing",), "'elephant', 'doing'"),
    ],
)
def test_questions_are_checked(questions, message):
    with pytest.raises(UsageError, match=message):
        asked_telling(narrator(), settings(questions=questions))


def test_questions_are_cleaned_as_in_training():
    assert asked("What colour is the circle?").question == QUESTION
    assert asked_telling(narrator(), settings(questions=("What colour is the circle?",)))


def test_a_narrator_without_questions_takes_any():
    who = untrained(layout=RowLayout(30, question="none"))
    assert asked_telling(who, settings(questions=("whatever it is",)))


def test_what_is_no_classifier_or_no_encoder_is_refused(monkeypatch):
    encoder, network = tiny_dual_encoder("vit"), tiny_classifier()
    monkeypatch.setattr(asking, "load_model", lambda *_, **__: encoder)
    with pytest.raises(UsageError, match="predicts no class"):
        asked_telling(narrator(), settings(), classifier="one")
    monkeypatch.setattr(asking, "load_model", lambda *_, **__: network)
    with pytest.raises(UsageError, match="knows the words of no class"):
        asked_telling(narrator(), settings(), classifier="one")


def test_classes_are_spoken_plainly():
    assert spoken_class("Tabby_Cat, Felis catus") == "tabby cat"
    assert unknown_words(narrator(), " red unheard") == ("unheard",)


def test_a_classifier_with_some_known_class_is_taken():
    found = asked_telling(narrator(), settings(), classifier=classifier(("red", "odd", "cat")))
    assert any("classifier gave the answer" in note for note in found.notes)


def test_the_digest_tells_questions_apart():
    base = asked_telling(narrator(), settings())
    others = [
        asked_telling(narrator(), settings(beams=2)),
        asked_telling(untrained(), settings()),
        asked_telling(narrator(), settings(), classifier=classifier()),
        asked_telling(narrator(), settings(), classifier=classifier(("blue", "red", "yellow"))),
    ]
    assert len({each.digest() for each in (base, *others)}) == 5
    faster = asked_telling(narrator(), settings(batch_size=1, max_failures=0.5))
    assert faster.digest() == base.digest()


def test_support_asks_the_encoder_that_ships():
    """A real encoder, a real scene, and a reason that is true of it."""
    asked_for = asked_telling(narrator(), settings(support=True, hiding=False))
    assert asked_for.looker.method.removal == "nothing"
    ((told,),) = tell(asked_for, [image("red")], scenes=[scene("red")])
    assert told.telling.reason == ANSWERS["red"]
    assert (told.telling.verdict, told.telling.truth) == ("supported", "true")
    ((wrong,),) = tell(asked_for, [image("green")], scenes=[scene("green")])
    assert wrong.telling.truth == "false"
    assert wrong.telling.verdict == "not supported"


def test_who_asks_the_shipped_narrator_is_told_what_it_knows():
    shipped = asked_telling("embedded:narrator-tiny", TellingSettings(support=False))
    assert any("about a photograph neither" in note for note in shipped.notes)
    own = asked_telling(shipped.narrator, TellingSettings(support=False))
    assert not any("photograph" in note for note in own.notes)
