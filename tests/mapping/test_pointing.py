import json

import numpy as np
import pytest
import torch
from PIL import Image
from tests.mapping.examples import HOSTILE, any_text_encoder, scene
from tests.methods.text_maps.test_segmenting import Boxes

from seewhy.base.errors import UsageError
from seewhy.mapping.asking import asked_question
from seewhy.mapping.drawing import Looked
from seewhy.mapping.pointing import (
    _points,
    all_texts,
    find_points,
    map_mask,
    parted,
    points_document,
    points_figure,
    save_points,
)
from seewhy.mapping.settings import PointSettings
from seewhy.methods.text_maps.points import joint_points, map_points
from seewhy.models.preprocessing import Placement

SETTINGS = PointSettings(method="raw", size=64, templates="none", threshold=0.5)


def found_in(asked, image=None, settings=SETTINGS, segmenter=None):
    image = image or scene()
    question = asked_question(any_text_encoder(), all_texts(asked), settings, methods=["raw"])
    found = find_points(question, image, asked, settings, segmenter=segmenter)
    return question, found


@pytest.mark.parametrize(
    ("asked", "texts"),
    [
        ("dog", ("dog",)),
        ("person+bench", ("person", "bench")),
        (" a dog + a  cat ", ("a dog", "a  cat")),
        (r"C\+\+ book", ("C++ book",)),
        (r"C\+\++pen", ("C++", "pen")),
        (r"back\\slash+x", (r"back\slash", "x")),
        ("end\\", ("end\\",)),
        ("a+b+c", ("a", "b", "c")),
    ],
)
def test_plus_signs_join_texts_unless_escaped(asked, texts):
    assert parted(asked) == texts


@pytest.mark.parametrize("asked", ["", " ", "+", "a+", "+a", "a++b", "a+ +b"])
def test_an_empty_text_is_refused(asked):
    with pytest.raises(UsageError, match="empty text"):
        parted(asked)


def test_every_text_is_asked_about_once():
    assert all_texts(["dog", "dog+cat", r"a\+b"]) == ("dog", "cat", "a+b")


@pytest.mark.parametrize("asked", [["dog", " dog "], ["a+b", "a + b"], ["cat", "dog+dog"]])
def test_what_is_asked_twice_is_refused(asked):
    with pytest.raises(UsageError, match="is asked for twice"):
        all_texts(asked)


def test_a_text_whose_map_is_not_defined_leaves_the_points_of_others():
    maps = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    maps[1] = torch.nan
    found = _points(maps, (64, 64), SETTINGS)
    alone = _points(maps[[0, 2]], (64, 64), SETTINGS)
    assert torch.equal(found.places, alone.places)
    assert not len(_points(maps[1:2], (64, 64), SETTINGS).labels)
    assert not len(_points(maps[[1, 1]], (64, 64), SETTINGS).labels)


def grids(question, image):
    (method,) = question.methods
    (explanation,) = method.explain(
        question.encoder, [image], question.texts, prompts=question.prompts
    )
    return torch.stack([torch.from_numpy(part.values.copy()) for part in explanation.parts[:-1]])


def test_points_are_those_of_the_maps_by_themselves_and_together():
    image = scene(3, width=90, height=50)
    question, (alone, together) = found_in(["dog", "cat+dog"], image)
    maps = grids(question, image)
    assert question.texts == ("dog", "cat")
    from seewhy.methods.text_maps.points import Pointing

    expected = map_points(maps[0], (50, 90), pointing=Pointing(0.5))
    assert alone.points.places.tolist() == expected.places.tolist()
    expected = joint_points(maps[[1, 0]], (50, 90), pointing=Pointing(0.5))
    assert together.points.places.tolist() == expected.places.tolist()
    assert together.points.labels.tolist() == expected.labels.tolist()


def test_the_mask_of_several_texts_is_the_union_of_theirs():
    _, (dog, cat, both) = found_in(["dog", "cat", "dog+cat"])
    assert (both.mask == (dog.mask | cat.mask)).all()
    assert 0 < dog.mask.mean() < 1


def test_a_mask_is_where_the_map_reaches_its_threshold():
    placement = Placement((4, 4), (32, 32), (0, 0), (32, 32))
    maps = np.array([[[-5.0, -4.0, -3.0, -1.0]] * 4], dtype=np.float32)
    found = Looked("raw", ("x",), maps, np.zeros(1), placement)
    share = {threshold: map_mask(found, 0, threshold=threshold).sum() / 4 for threshold in
             (0.2, 0.25, 0.5, 0.51, 1.0)}  # fmt: skip
    assert share == {0.2: 3, 0.25: 3, 0.5: 2, 0.51: 1, 1.0: 1}


def test_a_constant_map_has_no_mask():
    placement = Placement((4, 4), (32, 32), (0, 0), (32, 32))
    found = Looked("raw", ("x",), np.ones((1, 2, 2), np.float32), np.zeros(1), placement)
    assert not map_mask(found, 0, threshold=0.01).any()


@pytest.mark.parametrize("changes", [{"framing": "model"}, {"scaling": "min-max"}])
def test_points_are_for_whole_images_alone(changes):
    with pytest.raises(UsageError, match="whole images"):
        found_in(["dog"], settings=SETTINGS.model_copy(update=changes))


def test_a_network_cuts_out_what_the_points_lie_on():
    image = scene(width=8, height=6)
    network = Boxes()
    _, (found,) = found_in(["dog"], image, segmenter=network)
    assert (network.asked.image == np.asarray(image)).all()
    assert network.asked.coords.tolist() == found.points.places.tolist()
    assert found.segment.score == pytest.approx(0.9)


def saved(tmp_path, asked, **options):
    image = options.pop("image", scene())
    question, found = found_in(asked, image, **options)
    document = points_document(question, found, SETTINGS, image="a.png")
    return save_points(document, found, tmp_path / "out", image=image), found, tmp_path / "out"


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_points_masks_and_a_figure_are_written(tmp_path):
    document, found, out = saved(
        tmp_path, ["dog", "dog+cat"], image=scene(width=8, height=6), segmenter=Boxes()
    )
    assert json.loads((out / "points.json").read_bytes()) == document.model_dump(mode="json")
    for text, each in zip(document.found, found, strict=True):
        assert (pixels(out / text.mask.file) == 255 * each.mask).all()
        assert (pixels(out / text.segment.file) == 255 * each.segment.mask).all()
        assert text.mask.share == each.mask.mean()
        assert [[point.x, point.y] for point in text.points] == each.points.places.tolist()
        assert [point.label for point in text.points] == each.points.labels.tolist()
    assert pixels(out / "points.png").size
    assert len(list(out.iterdir())) == 2 + 4


def test_hostile_texts_are_safe_in_files_and_figures(tmp_path):
    asked = [text.replace("\\", "\\\\") for text in HOSTILE]
    document, _, out = saved(tmp_path, asked)
    assert [each.asked for each in document.found] == asked
    assert len({each.mask.file for each in document.found}) == len(asked)
    assert all(path.name.isascii() for path in out.iterdir())


def test_a_map_that_points_nowhere_is_noted():
    question, found = found_in(["dog"], Image.new("RGB", (9, 9)), settings=SETTINGS)
    empty = found[0].__class__(
        "dog", ("dog",), map_points(torch.ones(2, 2), (9, 9)), np.zeros((9, 9), bool)
    )
    document = points_document(question, [empty], SETTINGS, image="a.png")
    assert document.found[0].points == []
    assert "points nowhere" in document.notes[-1]


def test_points_in_the_figure_lie_where_they_lie_in_the_image():
    image = scene(width=1536, height=768)
    _, found = found_in(["dog"], image)
    figure = points_figure("a.png", found, image)
    axes = next(axes for axes in figure.axes if axes.images)
    drawn = np.concatenate([np.asarray(each.get_offsets()) for each in axes.collections])
    places = found[0].points.places.numpy()
    on = found[0].points.labels.numpy() == 1
    expected = np.concatenate([places[~on], places[on]]) / 4
    assert drawn == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (3, 2)])
def test_small_images_have_points_inside_them(size):
    _, (found,) = found_in(["dog"], scene().resize(size))
    assert found.mask.shape == size[::-1]
    assert all(0 <= x < size[0] and 0 <= y < size[1] for x, y in found.points.places.tolist())
