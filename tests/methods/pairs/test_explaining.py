import numpy as np
import pytest
import torch
from PIL import Image
from tests.similarity.examples import BLUE, GREEN, RED, colour_encoder, spots
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.pairs import explaining
from seewhy.methods.pairs.catalogue import pair_method
from seewhy.methods.pairs.explaining import explain_pairs
from seewhy.models.image_encoders import ImageEncoder
from seewhy.results.explanation import load_explanation

FIRST = spots((RED, (4, 4)), (BLUE, (40, 28)))
SECOND = spots((RED, (40, 4)), (GREEN, (4, 28)), size=(100, 50))
METHOD = pair_method("interaction-cam")


def stacked(encoder, image):
    return torch.stack([encoder.preprocess(image)])


def test_the_score_is_the_cosine_and_the_grid_is_the_methods_own():
    encoder = colour_encoder()
    (found,) = explain_pairs(METHOD, encoder, [(FIRST, SECOND)], frame="grid")
    views = [stacked(encoder, image) for image in (FIRST, SECOND)]
    maps = METHOD.maps(encoder, *views)
    embeddings = [encoder.embed(view).detach()[0].double().numpy() for view in views]
    lengths = np.prod([np.linalg.norm(each) for each in embeddings])
    assert found.score == pytest.approx(embeddings[0] @ embeddings[1] / lengths, abs=1e-6)
    for part, wanted in zip(found.parts, (maps.first, maps.second), strict=True):
        assert_close(torch.from_numpy(part.values.copy()), wanted[0])


def test_maps_come_back_to_the_pixels_of_each_image():
    (found,) = explain_pairs(METHOD, colour_encoder(), [(FIRST, SECOND)])
    first, second = (part.values for part in found.parts)
    assert (first.shape, second.shape) == ((48, 64), (50, 100))
    row, col = np.unravel_index(first.argmax(), first.shape)
    assert 4 <= row < 20
    assert 4 <= col < 20
    row, col = np.unravel_index(second.argmax(), second.shape)
    assert 4 <= row < 20
    assert 40 <= col < 56


@pytest.mark.parametrize("name", ["interaction-cam", "occlusion"])
def test_pairs_do_not_see_each_other(name):
    encoder, method = colour_encoder(), pair_method(name)
    pairs = [(FIRST, SECOND), (FIRST, FIRST), (SECOND, FIRST)]
    together = explain_pairs(method, encoder, pairs)
    for pair, found in zip(pairs, together, strict=True):
        (alone,) = explain_pairs(method, encoder, [pair])
        assert found.score == pytest.approx(alone.score)
        assert found.provenance == alone.provenance
        for one, other in zip(found.parts, alone.parts, strict=True):
            np.testing.assert_allclose(one.values, other.values, atol=1e-6)


def test_a_note_stands_with_the_pair_that_it_is_about():
    pairs = [(FIRST, SECOND), (FIRST, FIRST)]
    different, same = explain_pairs(METHOD, colour_encoder(), pairs)
    assert "notes" not in different.provenance
    assert same.provenance["notes"].startswith("Both views have the same embedding")
    assert "Pair" not in same.provenance["notes"]


def test_inputs_of_any_size_go_pair_by_pair():
    known = colour_encoder()

    def own(image):
        found = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
        return found[:, : image.height // 4 * 4, : image.width // 4 * 4]

    encoder = ImageEncoder(known.module, preprocess=own, name="own", site="cells")
    found = explain_pairs(METHOD, encoder, [(FIRST, SECOND), (SECOND, FIRST)], frame="input")
    assert [part.values.shape for each in found for part in each.parts] == [
        (48, 64), (48, 100), (48, 100), (48, 64),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="preprocessing of its own"):
        explain_pairs(METHOD, encoder, [(FIRST, SECOND)])


def test_what_comes_out_can_be_stored(tmp_path):
    (found,) = explain_pairs(METHOD, colour_encoder(), [(FIRST, SECOND)])
    again = load_explanation(found.save(tmp_path / "pair.safetensors"))
    assert again.score == found.score
    assert again.provenance["method"] == "interaction-cam"
    assert (again.parts[1].values == found.parts[1].values).all()


def test_no_pairs_give_nothing():
    assert explain_pairs(METHOD, colour_encoder(), []) == []


def test_grey_images_are_taken_too():
    grey = Image.new("L", (20, 30), 128)
    (found,) = explain_pairs(METHOD, colour_encoder(), [(grey, SECOND)])
    assert found.parts[0].values.shape == (30, 20)


@pytest.mark.parametrize("wrong", [(FIRST,), (FIRST, SECOND, FIRST), (FIRST, "b.png"), "ab"])
def test_what_is_no_pair_of_images_is_refused(wrong):
    with pytest.raises(UsageError, match="wanted two PIL images"):
        explaining._check([wrong])
