import pytest
from tests.concepts.examples import BANK, bank_file, encoder, question, quick

from seewhy.base.errors import UsageError
from seewhy.concepts.asking import asked_concepts, usual_expected
from seewhy.concepts.classes import known_classes
from seewhy.data.banks import ConceptBank
from seewhy.models.embedded import load_embedded
from seewhy.models.openclip import OpenClipEncoder


@pytest.fixture
def bank(tmp_path):
    return bank_file(tmp_path)


def test_settings_reach_the_method(bank):
    settings = quick(bank=bank, protocol="published", part_method="pca", parts=3, expected=2)
    (reader,) = question(bank, settings=settings).readers
    seeing = reader.method.seeing
    assert (seeing.protocol, seeing.assigning.protocol) == ("published", "published")
    assert (seeing.part_method, seeing.parts, seeing.refinement) == ("pca", 3, "none")
    assert all(len(row) == reader.method.expected == 2 for row in reader.asked.expected)
    assert reader.prompts.templates == ("{}",)


def test_texts_that_name_a_class_are_left_out_with_a_note(bank):
    asked = question(bank, classes=("red", "a dog"))
    assert asked.bank.texts == tuple(BANK[1:])
    assert any("names a class" in note for note in asked.notes)


def test_drawn_things_have_a_bank_of_their_own():
    asked = asked_concepts(
        [load_embedded("clip-objects")], known_classes(("circle", "star"), ()), quick(size=None)
    )
    assert asked.bank.origin == "the bank 'objects'"
    assert asked.readers[0].method.template == "a photo showing {}"


@pytest.mark.parametrize(
    ("changes", "naming"),
    [
        ({}, "alone"),
        ({"procedure": "parts"}, "pointing"),
        ({"protocol": "published"}, "pointing"),
    ],
)
def test_encoders_of_few_words_are_shown_whole_objects_unless_told_otherwise(changes, naming):
    classes = known_classes(("circle", "star"), ())
    asked = asked_concepts([load_embedded("clip-objects")], classes, quick(size=None, **changes))
    seeing = asked.readers[0].method.seeing
    assert seeing.naming == naming
    assert (seeing.parts, seeing.refinement) == (2, "none")


def test_objects_are_not_in_the_published_procedure(bank):
    with pytest.raises(UsageError, match="not in the published procedure"):
        question(bank, settings=quick(bank=bank, procedure="objects", protocol="published"))


@pytest.mark.parametrize(("texts", "wanted"), [(12, 5), (252, 12), (4229, 50)])
def test_a_class_expects_a_twentieth_of_the_bank(texts, wanted):
    assert usual_expected(ConceptBank(tuple(map(str, range(texts))), "numbers")) == wanted


def test_without_a_bank_other_encoders_have_the_general_one():
    asked = asked_concepts([encoder()], known_classes(("x", "y"), ()), quick())
    assert asked.bank.origin == "the bank 'general'"


def test_the_digest_is_that_of_all_that_was_asked(bank):
    first = question(bank).digest()
    assert question(bank).digest() == first
    others = [
        question(bank, classes=("x", "y")),
        question(bank, [encoder(seed=1)]),
        question(bank, settings=quick(bank=bank, parts=3)),
        question(bank, [encoder(), encoder("other")]),
    ]
    assert len({first, *(each.digest() for each in others)}) == 5


@pytest.mark.parametrize(
    ("encoders", "changes", "message"),
    [
        ([encoder(), encoder()], {}, "or one comes twice"),
        ([encoder()], {"size": 33}, "is no multiple"),
        ([encoder()], {"bank": "nowhere"}, "no file and no bank that ships"),
        (["torchvision:resnet18/random-weights"], {}, "understands no texts"),
        (["embedded:nothing"], {}, "embedded"),
    ],
)
def test_what_cannot_be_asked_is_refused(bank, encoders, changes, message):
    with pytest.raises(UsageError) as caught:
        question(bank, encoders, quick(**{"bank": bank} | changes))
    assert message in str(caught.value)


def test_a_preprocessing_of_unknown_kind_is_refused(bank):
    tiny = encoder()
    strange = OpenClipEncoder(
        tiny.module, preprocess=tiny.preprocess, tokenizer=tiny.tokenizer, name="strange"
    )
    with pytest.raises(UsageError, match="preprocessing of its own"):
        question(bank, [strange], quick(bank=bank, size=None, framing="model"))
