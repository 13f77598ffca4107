import jaxtyping
import pytest
from tests.mapping.examples import HOSTILE, TEXTS, any_text_encoder, question, quick

from seewhy.base.errors import UsageError
from seewhy.mapping.asking import MOST_TEXTS, asked_question, default_size
from seewhy.mapping.settings import MapSettings
from seewhy.models.embedded import load_embedded
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.tiny import SIDE, tiny_dual_encoder


@pytest.fixture(scope="module")
def encoder():
    return tiny_dual_encoder("vit")


def refusal(encoder, texts=TEXTS, settings=None, **options):
    with pytest.raises(UsageError) as caught:
        question(encoder, texts, settings, **options)
    return str(caught.value)


def test_a_question_is_all_that_was_asked(encoder):
    asked = question(encoder, settings=quick(methods=("raw", "maskclip"), scaling="min-max"))
    assert asked.texts == TEXTS
    assert [method.name for method in asked.methods] == ["raw", "maskclip"]
    for method in asked.methods:
        assert method.view.frame == "grid"
        assert method.view.scaling == "min-max"
        assert (method.view.framing.shown, method.view.framing.size) == ("whole", SIDE)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "at least one text"),
        (["red", ""], "text 1 is ''"),
        (["red", " \t\n"], "text 1 is"),
        (["red", "red"], "become the same tokens"),
        (["red", "RED!"], r"texts 0 ('red') and 1 ('RED!') become the same tokens"),
        (["zebra"], "does not know the words 'zebra'"),
        (["red\udc80"], "text 0 ('red\\udc80') is no Unicode text"),
        ([f"red {number}" for number in range(MOST_TEXTS + 1)], "1,001 texts; at most 1,000"),
    ],
)
def test_texts_that_cannot_be_asked_about_are_refused(encoder, texts, message):
    assert message in refusal(encoder, texts)


@pytest.mark.parametrize("text", [None, 5, ["red"]])
def test_what_is_no_text_is_refused_with_its_place(encoder, text, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    assert f"text 1 is {text!r}" in refusal(encoder, ["red", text])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_texts_like_others(text):
    assert question(any_text_encoder(), [text, "other"]).texts[0] == text


def test_texts_beyond_the_context_are_noted_or_refused():
    encoder = any_text_encoder()
    texts = ["short", "a text that is longer"]
    (note,) = question(encoder, texts).notes
    assert "is cut after 'a text tha'" in note
    assert "is cut after" in refusal(encoder, texts, quick(strict=True))
    assert question(encoder, ["short"], quick(strict=True)).notes == ()


@pytest.mark.parametrize(
    "template",
    ["a photo", "{} and {}", "{0}", "{0.__class__}", "{!r}", "{name}", "{} {", "}{", "{{}}"],
)
def test_templates_hold_one_place_for_the_text_and_nothing_else(encoder, template):
    assert "{} once" in refusal(encoder, settings=quick(templates=(template,)))


def test_published_templates_are_taken_where_their_words_are_known(encoder):
    chosen = question(any_text_encoder(), settings=quick(templates=None))
    assert len(chosen.prompts.templates) == 85
    assert not any("template" in note for note in chosen.notes)
    plain = question(encoder, settings=quick(templates=None))
    assert plain.prompts.templates == ("{}",)
    assert any("does not know all words of the published templates" in note for note in plain.notes)


def test_templates_are_as_asked(encoder):
    assert question(encoder, settings=quick(templates="none")).prompts.templates == ("{}",)
    own = ("the red {}", "{}")
    assert question(encoder, settings=quick(templates=own)).prompts.templates == own
    assert "templates do not suit" in refusal(encoder, settings=quick(templates="published"))


@pytest.mark.parametrize("methods", [(), ("raw", "raw")])
def test_methods_are_named_once(encoder, methods):
    assert "name each once" in refusal(encoder, settings=quick(methods=methods))


def test_an_unknown_method_is_refused_before_any_image(encoder):
    assert "There are: clip-surgery" in refusal(encoder, settings=quick(methods=("magic",)))


def test_the_removal_is_that_of_surgery_alone():
    settings = quick(methods=("clip-surgery", "smoothed-surgery", "raw"), removal="common")
    *surgeries, raw = question(tiny_dual_encoder("resnet"), settings=settings, others=["5"]).methods
    assert [each.removal for each in surgeries] == ["common", "common"]
    assert raw.removal == "nothing"


def test_the_empty_text_is_taken_off_where_the_encoder_knows_templates():
    surgery = quick(methods=("clip-surgery",))
    few = question(load_embedded("clip-vit"), settings=surgery)
    many = question(any_text_encoder("resnet"), settings=surgery)
    assert few.methods[0].removal == "nothing"
    assert any("nothing is taken off" in note for note in few.notes)
    assert many.methods[0].removal == "redundant"
    assert not any("nothing is taken off" in note for note in many.notes)
    told = quick(methods=("clip-surgery",), removal="redundant")
    asked = question(load_embedded("clip-vit"), settings=told)
    assert asked.methods[0].removal == "redundant"


def test_other_texts_without_effect_are_refused(encoder):
    assert "other texts change no map" in refusal(encoder, others=["5"])


def test_a_classifier_is_refused():
    with pytest.raises(UsageError, match="is a classifier and understands no texts"):
        asked_question("timm:resnet18/random-weights", ["red"], MapSettings())


def sized(encoder, side, patch):
    encoder = any_text_encoder()
    encoder.preprocessing = Preprocessing(side)
    encoder.module.visual.patch_size = (patch, patch)
    return encoder


@pytest.mark.parametrize(
    ("own", "patch", "expected"),
    [(224, 16, 512), (224, 32, 512), (224, 14, 518), (384, 16, 512), (64, 8, None)],
)
def test_the_size_is_the_multiple_of_patches_next_to_512(encoder, own, patch, expected):
    assert default_size(sized(encoder, own, patch)) == expected


def test_a_preprocessing_of_its_own_keeps_its_size():
    encoder = any_text_encoder()
    encoder.preprocessing = lambda image: image
    assert default_size(encoder) is None


def changed(**changes):
    return question(tiny_dual_encoder("vit"), settings=quick(**changes)).digest()


def test_the_digest_tells_questions_apart_and_knows_equal_ones(encoder):
    digests = [
        question(encoder).digest(),
        question(encoder, TEXTS[::-1]).digest(),
        question(tiny_dual_encoder("vit", seed=1)).digest(),
        changed(methods=("maskclip",)),
        changed(methods=("raw", "maskclip")),
        changed(size=2 * SIDE),
        changed(framing="model"),
        changed(scaling="min-max"),
        changed(templates=("the {}",)),
    ]
    assert len(set(digests)) == len(digests)
    assert changed() == digests[0]
    assert changed(batch_size=3, strict=True, progress=True) == digests[0]
