from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from seewhy.base.errors import DataError, UsageError
from seewhy.data.banks import concept_bank
from seewhy.data.scenes import draw_scene, random_scene
from seewhy.methods.mutual_knowledge.method import MutualKnowledge
from seewhy.methods.mutual_knowledge.seeing import Seeing
from seewhy.methods.mutual_knowledge.tokens import patch_tokens
from seewhy.models.embedded import load_embedded
from seewhy.models.framing import Framing
from seewhy.models.openclip import OpenClipEncoder
from seewhy.passes.prompts import PromptEnsemble
from seewhy.results.parts import ConceptScores, Curve, Heatmap, Statement

CLASSES = ("a photo of a circle", "a photo of a square", "a photo of a star")
BANK = concept_bank(
    [f"a {word} object" for word in ("red", "green", "blue", "white", "striped", "dotted")]
    + [f"a {shape}" for shape in ("circle", "square", "star", "ring", "cross", "triangle")],
    origin="words of drawn scenes",
)


@pytest.fixture(scope="module")
def encoder():
    return load_embedded("clip-objects")


@pytest.fixture(scope="module")
def asked(encoder):
    return METHOD.ask(encoder, CLASSES, BANK, prompts=PromptEnsemble(encoder, ["{}"]))


METHOD = MutualKnowledge(expected=4)


def pictures(count, seed=3):
    generator = np.random.default_rng(seed)
    scenes = [random_scene(generator, objects=number % 3 + 1) for number in range(count)]
    return [draw_scene(scene, 128).image for scene in scenes]


def test_the_winner_is_that_of_zero_shot_classification(encoder, asked):
    images = pictures(3)
    pixels = torch.stack([METHOD.framing.preprocessing(encoder)(image) for image in images])
    wanted = encoder.encode_images(pixels) @ encoder.encode_texts(CLASSES).T
    for seen, row in zip(METHOD.look(asked, images), wanted, strict=True):
        np.testing.assert_allclose(seen.similarities, row.numpy(), atol=1e-5)
        assert seen.predicted == seen.order[0] == int(row.argmax())


def test_what_is_expected_of_a_class_is_what_lies_nearest_to_its_name(encoder, asked):
    rows = encoder.encode_texts([f"a photo showing {text}" for text in BANK.texts])
    nearest = (encoder.encode_texts(CLASSES) @ rows.T).topk(4).indices
    assert asked.expected == tuple(map(tuple, nearest.tolist()))


def test_parts_have_pixels_and_texts_and_an_image_its_distinct_texts(asked):
    for seen in METHOD.look(asked, pictures(3)):
        assert seen.texts.ids.shape == (len(seen.parts), 3)
        for part in seen.parts:
            assert (seen.labels == part.label).sum() == part.area > 0
        found = set(seen.texts.ids.flatten().tolist())
        assert len(seen.concepts) == len(found)
        assert set(seen.concepts) == found
        scores = seen.texts.ranked.scores
        assert (scores.diff() <= 1e-9).all()


def test_an_image_is_explained_the_same_whatever_else_is_asked(asked):
    images = pictures(4)
    together = list(METHOD.look(asked, images))
    (alone,) = METHOD.look(asked, images[2:3])
    assert np.array_equal(alone.labels, together[2].labels)
    assert torch.equal(alone.texts.ids, together[2].texts.ids)
    np.testing.assert_allclose(alone.similarities, together[2].similarities, atol=1e-5)


def test_overlap_is_that_of_both_lists(asked):
    (seen,) = METHOD.look(asked, pictures(1))
    for number, name in enumerate(CLASSES):
        against = METHOD.against(asked, seen, number)
        common = set(seen.concepts) & set(asked.expected[number])
        assert against.name == name
        assert set(against.mutual) == common
        assert against.overlap.matches == len(common)
        assert against.curve[-1] == 0
        assert len(against.curve) == len(seen.concepts) + 1
        assert against.area == pytest.approx(against.curve.mean())


def test_an_explanation_tells_parts_lists_and_dynamics(encoder):
    prompts = PromptEnsemble(encoder, ["{}"])
    (found,) = METHOD.explain(encoder, pictures(1), CLASSES, BANK, prompts=prompts)
    kinds = [type(part) for part in found.parts]
    assert kinds[0] is Statement
    assert kinds[-1] is Curve
    maps = [part for part in found.parts if isinstance(part, Heatmap)]
    assert 1 <= len(maps) <= 5
    assert sum(part.values for part in maps).max() == 1
    shown, expected, classes = (p for p in found.parts if isinstance(p, ConceptScores))
    assert set(shown.names) <= set(BANK.texts)
    assert len(expected.names) == 4
    assert classes.names == CLASSES
    assert repr(classes.names[int(classes.scores.argmax())]) in found.target
    assert found.provenance["bank"] == "words of drawn scenes (12 texts)"
    assert found.provenance["foreground"] == "found"


def test_images_may_be_larger_than_the_encoder_was_trained_on(encoder, asked):
    method = replace(METHOD, framing=Framing(size=160))
    (seen,) = method.look(asked, pictures(1))
    assert seen.labels.shape == (160, 160)
    assert len(seen.concepts) > 0


def test_both_ways_of_encoding_agree_where_both_can(encoder):
    pixels = torch.stack([encoder.preprocess(image) for image in pictures(2)])
    apart = patch_tokens(encoder, pixels).embeddings
    np.testing.assert_allclose(
        torch.nn.functional.normalize(apart, dim=1), encoder.encode_images(pixels), atol=1e-5
    )


def test_an_image_in_which_nothing_stands_out_has_a_result_that_says_so(encoder):
    image = Image.new("RGB", (40, 60), (90, 90, 90))
    prompts = PromptEnsemble(encoder, ["{}"])
    (found,) = METHOD.explain(encoder, [image], CLASSES, BANK, prompts=prompts)
    assert isinstance(found.score, float)


@pytest.mark.parametrize("part_method", ["kmeans", "pca"])
@pytest.mark.parametrize("facet", ["last_layer", "keys"])
def test_other_ways_of_taking_images_apart(encoder, asked, part_method, facet):
    seeing = Seeing(part_method=part_method, facet=facet, refinement="guided", parts=2)
    method = replace(METHOD, seeing=seeing)
    for seen in method.look(asked, pictures(2)):
        assert seen.labels.max() < 2
        assert len(seen.parts) <= 2


def test_the_published_way_takes_images_apart_together(encoder, asked):
    published = MutualKnowledge.published()
    assert published.seeing.fit == "joint"
    assert published.seeing.assigning.protocol == "published"
    method = replace(published, expected=4)
    images = pictures(4)
    together = list(method.look(asked, images))
    alone = [next(iter(method.look(asked, [image]))) for image in images]
    assert any(
        not np.array_equal(one.labels, other.labels)
        for one, other in zip(together, alone, strict=True)
    )


def test_the_model_is_left_as_it_was(encoder, asked):
    before = {name: tensor.clone() for name, tensor in encoder.module.state_dict().items()}
    encoder.module.train()
    try:
        list(METHOD.look(asked, pictures(1)))
        assert encoder.module.training
    finally:
        encoder.module.eval()
    assert all(
        torch.equal(before[name], each) for name, each in encoder.module.state_dict().items()
    )
    assert not any(module._forward_hooks for module in encoder.module.modules())


def test_one_class_and_the_prompts_of_another_encoder_are_refused(encoder):
    with pytest.raises(UsageError, match="needs two"):
        METHOD.ask(encoder, CLASSES[:1], BANK, prompts=PromptEnsemble(encoder, ["{}"]))
    other = PromptEnsemble(load_embedded("clip-vit"), ["{}"])
    with pytest.raises(UsageError, match="belong to another encoder"):
        METHOD.ask(encoder, CLASSES, BANK, prompts=other)


def test_a_preprocessing_of_unknown_kind_is_refused(encoder, asked):
    strange = OpenClipEncoder(
        encoder.module,
        preprocess=encoder.preprocess,
        tokenizer=encoder.tokenizer,
        name="strange",
    )
    with pytest.raises(UsageError, match="preprocessing of its own"):
        next(METHOD.look(replace(asked, encoder=strange), pictures(1)))


def test_numbers_that_are_none_are_refused(asked):
    broken = load_embedded("clip-objects")
    with torch.no_grad():
        broken.module.visual.proj[0, 0] = torch.nan
    with pytest.raises(DataError, match="not finite for image 0"):
        list(METHOD.look(replace(asked, encoder=broken), pictures(1)))
