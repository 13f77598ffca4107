"""Objects as parts: found by contrast, region by region, and shown alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.data.banks import ConceptBank
from seewhy.data.scenes import Scene, SceneObject, draw_scene
from seewhy.data.shipped_banks import object_texts
from seewhy.methods.mutual_knowledge.assignment import Assigning, part_texts
from seewhy.methods.mutual_knowledge.method import MutualKnowledge
from seewhy.methods.mutual_knowledge.objects import alone, blanks, outstanding, region_labels
from seewhy.methods.mutual_knowledge.seeing import Seeing
from seewhy.models.embedded import load_embedded
from seewhy.passes.prompts import PromptEnsemble


def tokens_of(mask, value=3.0):
    """Tokens of noise, and others far from them where the mask is."""
    noise = torch.randn(*mask.shape, 4, generator=torch.Generator().manual_seed(0)) * 0.1
    return (noise + value * mask[..., None])[None]


def test_every_region_that_stands_out_is_foreground():
    mask = torch.zeros(8, 8)
    mask[0, 0], mask[3:5, 3:5], mask[7, 5:8] = 1, 1, 1
    found = outstanding(tokens_of(mask))
    assert torch.equal(found.mask[0], mask.bool())
    assert not found.is_fallback.any()


def test_which_side_stands_out_is_the_smaller_one_whatever_its_tokens():
    mask = torch.zeros(8, 8)
    mask[2:6, 2:6] = 1
    for sign in (1, -1):
        assert torch.equal(outstanding(tokens_of(mask, 3.0 * sign)).mask[0], mask.bool())


def test_of_equal_tokens_the_fallback_decides():
    found = outstanding(torch.ones(1, 4, 4, 2))
    assert found.is_fallback.all()
    assert found.mask.all()  # all are equally strong
    assert not outstanding(torch.ones(1, 4, 4, 2), fallback="nothing").mask.any()


def test_regions_are_numbered_by_size_and_small_or_surplus_ones_left_out():
    masks = np.zeros((1, 10, 10), dtype=bool)
    masks[0, 0:2, 0:2] = True
    masks[0, 4:7, 4:7] = True
    masks[0, 7, 7] = True  # touches by a corner
    masks[0, 9, 0] = True
    found = region_labels(masks, smallest=2, most=5)[0]
    assert (found[4:7, 4:7] == 0).all()
    assert found[7, 7] == 0
    assert (found[0:2, 0:2] == 1).all()
    assert found[9, 0] == -1
    assert (found >= 0).sum() == 14
    assert region_labels(masks, smallest=1, most=1)[0].max() == 0


def test_a_part_alone_stands_on_the_colour_of_what_is_no_part():
    shown = torch.full((1, 3, 9, 9), 40, dtype=torch.uint8)
    shown[:, :, 0, :] = 90  # less than half of the background
    shown[:, 0, 3:5, 3:5] = 200
    shown[:, 1, 7:9, 7:9] = 250
    labels = np.full((1, 9, 9), -1)
    labels[0, 3:5, 3:5], labels[0, 7:9, 7:9] = 0, 1
    (found,) = alone(shown, labels, np.array([[0, 0]]), margin=1)
    assert (found[0, 3:5, 3:5] == 200).all()
    assert (found[1, 7:9, 7:9] == 40).all()
    assert (found[:, 0] == 40).all()
    assert (blanks(shown, labels) == 40).all()
    assert len(alone(shown, labels, np.zeros((0, 2), dtype=int), margin=1)) == 0


def test_where_every_pixel_is_of_a_part_the_blank_is_their_median():
    shown = torch.arange(9, dtype=torch.uint8).reshape(1, 1, 3, 3).expand(1, 3, 3, 3)
    assert (blanks(shown, np.zeros((1, 3, 3), dtype=int)) == 4).all()


def test_what_a_part_adds_is_ranked_above_what_the_picture_says_without_it():
    similar = torch.tensor([[0.9, 0.5, 0.4]], dtype=torch.float64)
    absent = torch.tensor([0.9, 0.1, 0.2], dtype=torch.float64)
    how = Assigning(ranking="added", texts=3)
    found = part_texts(similar, torch.zeros(3), how=how, absent=absent)
    assert found.ids.tolist() == [[1, 2, 0]]
    torch.testing.assert_close(found.values, 2.5 * (similar - absent))
    assert found.ranking == "added"
    with pytest.raises(UsageError, match="without its parts"):
        part_texts(similar, torch.zeros(3), how=how)


def test_what_does_not_go_together_is_refused():
    with pytest.raises(UsageError, match="alone, contrast, regions"):
        replace(Seeing.objects(), assigning=Assigning(), protocol="published")
    with pytest.raises(UsageError, match="naming='alone'"):
        Seeing(assigning=Assigning(ranking="added"))


@pytest.fixture(scope="module")
def asked():
    encoder = load_embedded("clip-objects")
    method = MutualKnowledge(Seeing.objects(), expected=5, template="a photo of {}")
    bank = ConceptBank(object_texts(), "drawn objects")
    prompts = PromptEnsemble(encoder, ["a photo of {}"])
    return method, method.ask(encoder, ["a circle", "a square"], bank, prompts=prompts)


def drawn_objects():
    left = SceneObject("circle", "red", "plain", "medium", "left", (0.28, 0.5), 0.2)
    right = SceneObject("square", "blue", "striped", "medium", "right", (0.74, 0.5), 0.2)
    return draw_scene(Scene((left, right), "black"), 128)


def test_each_object_is_a_part_with_its_own_words(asked):
    method, question = asked
    picture = drawn_objects()
    (seen,) = method.look(question, [picture.image])
    assert len(seen.parts) == 2
    said = []
    for mask in picture.masks:
        overlaps = [
            ((seen.labels == part.label) & mask).sum() / ((seen.labels == part.label) | mask).sum()
            for part in seen.parts
        ]
        assert max(overlaps) > 0.8
        ids = seen.texts.ids[int(np.argmax(overlaps))].tolist()
        said.append(set(" ".join(question.words(ids)).split()))
    assert {"circle", "red", "plain"} <= said[0]
    assert {"square", "blue", "striped"} <= said[1]
    assert not {"blue", "square", "striped"} & said[0]


def test_an_image_is_seen_the_same_alone_and_among_others(asked):
    method, question = asked
    images = [drawn_objects().image, Image.new("RGB", (128, 128), (60, 60, 60))]
    one, (two, flat) = list(method.look(question, images[:1])), method.look(question, images)
    assert np.array_equal(one[0].labels, two.labels)
    assert one[0].concepts == two.concepts
    assert flat.is_fallback or not flat.parts or len(flat.concepts) > 0
