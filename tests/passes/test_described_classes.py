import pytest
import torch
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.passes.described_classes import IDENTIFYING, described_classes, with_found_texts

TEMPLATE = "a photo of the {class} of {descriptor}"
DESCRIPTORS = {"circle": ["red", "blue"], "square": ["grey"]}


@pytest.fixture(scope="module")
def encoder():
    return tiny_dual_encoder("vit")


def test_a_row_times_an_image_is_the_mean_similarity_with_the_descriptions(encoder):
    rows = described_classes(encoder, DESCRIPTORS, template=TEMPLATE)
    image = torch.nn.functional.normalize(torch.arange(16.0), dim=0)
    texts = encoder.encode_prompts(
        ["a photo of the circle of red", "a photo of the circle of blue"]
    )
    assert_close(rows[0] @ image, (texts @ image).mean())
    (alone,) = encoder.encode_prompts(["a photo of the square of grey"])
    assert_close(rows[1], alone, rtol=0, atol=1e-5)


def test_braces_in_names_are_braces(encoder):
    with pytest.raises(UsageError, match="words 'descriptor'"):
        described_classes(
            encoder, {"circle {descriptor}": ["red"]}, template="{descriptor} {class}"
        )


def test_found_texts_stand_behind_and_once():
    found = with_found_texts(DESCRIPTORS, {"circle": ["green", "red", "green"]})
    assert found == {"circle": ("red", "blue", "green"), "square": ("grey",)}
    with pytest.raises(UsageError, match="'star', which is none"):
        with_found_texts(DESCRIPTORS, {"star": ["red"]})


@pytest.mark.parametrize("template", ["a {class}", "{class} {class} {descriptor}", "{}"])
def test_a_template_has_both_places(encoder, template):
    with pytest.raises(UsageError, match="once each"):
        described_classes(encoder, DESCRIPTORS, template=template)


@pytest.mark.parametrize("descriptors", [{}, {"circle": []}, {"circle": "red"}])
def test_every_class_is_described(encoder, descriptors):
    with pytest.raises(UsageError, match="without a list of descriptors"):
        described_classes(encoder, descriptors, template=TEMPLATE)


def test_words_that_the_encoder_lacks_are_named(encoder):
    with pytest.raises(UsageError, match="'how'"):
        described_classes(encoder, DESCRIPTORS, template=IDENTIFYING)
