import pytest
import torch
from PIL import Image
from pydantic import TypeAdapter, ValidationError
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.data.editing.drawn import edit_scenes
from seewhy.models.editing.features import grid_boxes
from seewhy.models.editing.regions import cut_out
from seewhy.models.editing.sources import (
    BoxSource,
    BoxSourceConfig,
    FeatureSource,
    FileSourceConfig,
    GridSource,
    GridSourceConfig,
    SourceConfig,
    load_source,
)
from seewhy.models.guard import fingerprint
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.load_images import load_image_encoder
from seewhy.models.preprocessing import Preprocessing

SIMCLR = "embedded:ssl-simclr"
SCENES = list(edit_scenes(5))
IMAGES = [scene.image() for scene in SCENES]
BOXES = [scene.boxes for scene in SCENES]
HALVES = [(0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)]


class Colours(nn.Module):
    """An encoder whose maps are the mean colours of 8 x 8 patches, whose embedding is their mean.

    Batch norm and dropout would change what it gives, were it not in evaluation mode.
    """

    def __init__(self):
        super().__init__()
        self.maps = nn.Sequential(nn.AvgPool2d(8), nn.BatchNorm2d(3, eps=0.0), nn.Dropout(0.5))

    def forward(self, pixels):
        return self.maps(pixels).mean(dim=(2, 3))


def colours(side=32):
    preprocessing = Preprocessing(side, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    return ImageEncoder(Colours(), preprocess=preprocessing, name="colours", site="maps")


def halves(size=(32, 32)):
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, (255, 0, 0))
    image.paste((0, 0, 255), (size[0] // 2, 0, *size))
    return image


def grid_of(encoder=None, **more):
    return GridSource(GridSourceConfig(encoder="colours", **more), encoder or colours())


def boxes_of(encoder=None, **more):
    return BoxSource(BoxSourceConfig(encoder="colours", **more), encoder or colours())


def test_cells_are_the_places_of_the_image_row_by_row():
    (found,) = grid_of().features([halves()])
    assert found.grid == (4, 4)
    red, blue = torch.tensor([1.0, -1, -1]), torch.tensor([-1.0, -1, 1])
    assert_close(found.regions.view(4, 4, 3)[:, 0], red.expand(4, 3))
    assert_close(found.regions.view(4, 4, 3)[:, 3], blue.expand(4, 3))
    assert_close(found.boxes, grid_boxes(4, 4))


def test_cells_are_pooled_and_the_mean_stands_behind_them():
    (found,) = grid_of(rows=1, cols=2, has_mean=True, has_places=True).features([halves()])
    assert found.grid == (1, 2)
    assert_close(
        found.regions,
        torch.tensor(
            [
                [1, -1, -1, 0, 0, 0.5, 1, 0.5, 1],
                [-1, -1, 1, 0.5, 0, 1, 1, 0.5, 1],
                [0, -1, 0, 0, 0, 1, 1, 1, 1],
            ]
        ),
    )


def test_an_image_of_any_shape_is_seen_as_a_whole():
    square, wide = (grid_of().features([halves(size)])[0] for size in ((32, 32), (96, 32)))
    assert_close(square.regions, wide.regions, atol=0.02, rtol=0)


def test_a_larger_side_gives_more_cells():
    (found,) = grid_of(side=64).features([halves()])
    assert found.grid == (8, 8)


def test_published_grids_leave_the_statistics_of_the_encoder_out():
    (found,) = grid_of(is_normalised=False).features([halves()])
    assert_close(found.regions[0], torch.tensor([1.0, 0.0, 0.0]))


def test_boxes_are_embedded_one_by_one():
    (found,) = boxes_of(margin=0.0).features(
        [halves((64, 64))], [[(0.0, 0.0, 0.5, 0.5), HALVES[1]]]
    )
    # The right half is 32 x 64 pixels, so 16 columns of each side of it are seen too: red ones on
    # the left, and black ones beyond the image on the right.
    red, blue, black = (torch.tensor(each) for each in ([1.0, -1, -1], [-1.0, -1, 1], [-1.0] * 3))
    assert_close(found.regions[0], red)
    expected = (red + 2 * blue + black) / 4
    assert_close(found.regions[1], expected, atol=0.02, rtol=0)
    assert_close(found.boxes, torch.tensor([[0, 0, 0.5, 0.5], HALVES[1]]))
    assert found.grid is None


def test_a_box_has_the_embedding_of_what_was_cut_out():
    encoder = load_image_encoder(SIMCLR, compared="features")
    source = BoxSource(BoxSourceConfig(encoder=SIMCLR, margin=0.2), encoder)
    found = source.features(IMAGES, BOXES)
    crop = cut_out(IMAGES[3], BOXES[3][1], margin=0.2)
    with torch.no_grad():
        expected = encoder.embed(encoder.preprocess(crop)[None])[0]
    assert_close(found[3].regions[1], expected, atol=1e-5, rtol=1e-4)


def test_an_image_without_boxes_is_one_region():
    found = boxes_of(has_places=True).features([halves()] * 2, [[], HALVES])
    assert [len(each.regions) for each in found] == [1, 2]
    assert_close(found[0].regions[0, 3:], torch.tensor([0.0, 0, 1, 1, 1, 1]))


@pytest.mark.parametrize("boxes", [None, [], [HALVES, HALVES]])
def test_boxes_that_do_not_go_with_the_images_are_refused(boxes):
    with pytest.raises(UsageError, match="boxes of each image"):
        boxes_of().features([halves()], boxes)


def test_a_box_of_nothing_is_refused():
    with pytest.raises(UsageError, match="holds nothing"):
        boxes_of().features([halves()], [[(0.5, 0.5, 0.5, 0.5)]])


@pytest.mark.parametrize("make", [grid_of, boxes_of])
def test_no_image_gives_no_features(make):
    assert make().features([], []) == []


@pytest.mark.parametrize(
    "config",
    [
        GridSourceConfig(encoder=SIMCLR, rows=4, cols=4, has_places=True),
        GridSourceConfig(encoder="embedded:clip-resnet", has_mean=True),
        BoxSourceConfig(encoder=SIMCLR, has_places=True),
        BoxSourceConfig(encoder="embedded:clip-vit", compared="head"),
    ],
)
def test_an_image_has_the_same_features_alone_and_among_others(config):
    source = load_source(config)
    assert isinstance(source, FeatureSource)
    together = source.features(IMAGES, BOXES)
    alone = [
        source.features([image], [boxes])[0] for image, boxes in zip(IMAGES, BOXES, strict=True)
    ]
    for one, other in zip(together, alone, strict=True):
        assert one.regions.shape[1] == source.width
        assert_close(one.regions, other.regions, atol=1e-4, rtol=1e-4)
        assert one.grid == other.grid


def test_more_images_than_a_batch_keep_their_order():
    images = [Image.new("RGB", (8, 8), (number, 0, 0)) for number in range(130)]
    for source in (grid_of(rows=1, cols=1), boxes_of(margin=0.0)):
        found = source.features(images, [[(0.0, 0.0, 1.0, 1.0)]] * 130)
        reds = [round(float((each.regions[0, 0] + 1) * 127.5)) for each in found]
        assert reds == list(range(130))


@pytest.mark.parametrize("make", [grid_of, boxes_of])
def test_the_encoder_is_left_as_it_was(make):
    encoder = colours()
    encoder.module.train()
    before = fingerprint(encoder.module)
    make(encoder).features([halves()] * 3, [HALVES] * 3)
    assert fingerprint(encoder.module) == before
    assert encoder.module.training


@pytest.mark.parametrize("make", [grid_of, boxes_of])
def test_what_it_gives_can_be_trained_on(make):
    (found,) = make().features([halves()], [HALVES])
    weight = torch.zeros(3, requires_grad=True)
    ((found.regions @ weight).sum() ** 2 + (found.regions @ weight).sum()).backward()
    assert_close(weight.grad, found.regions.sum(dim=0))


def test_the_configuration_of_a_source_tells_its_encoder():
    for config in (
        GridSourceConfig(encoder=SIMCLR, has_places=True),
        BoxSourceConfig(encoder=SIMCLR),
    ):
        source = load_source(config)
        assert source.config.width == source.width
        assert len(source.config.weights) == 64
        again = load_source(source.config)
        assert again.config == source.config


@pytest.mark.parametrize("change", [{"width": 5}, {"weights": "0" * 64}])
@pytest.mark.parametrize("kind", [GridSourceConfig, BoxSourceConfig])
def test_another_encoder_than_the_one_told_is_refused(kind, change):
    with pytest.raises(UsageError, match="trained with"):
        load_source(kind(encoder=SIMCLR, **change))


def test_features_from_a_file_have_no_encoder():
    source = load_source(FileSourceConfig(width=2048))
    assert source.width == 2048
    with pytest.raises(UsageError, match="from a file"):
        source.features([halves()])


def test_an_encoder_with_preprocessing_of_its_own_is_refused():
    encoder = ImageEncoder(Colours(), preprocess=lambda _: torch.zeros(3, 32, 32), site="maps")
    for make in (grid_of, boxes_of):
        with pytest.raises(UsageError, match=r"preprocessing .* unknown"):
            make(encoder)


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "grid", "encoder": SIMCLR, "rows": 4},
        {"kind": "grid", "encoder": SIMCLR, "rows": 0, "cols": 4},
        {"kind": "grid"},
        {"kind": "boxes", "encoder": SIMCLR, "margin": -0.1},
        {"kind": "boxes", "encoder": SIMCLR, "compared": "tail"},
        {"kind": "file"},
        {"kind": "file", "width": 8, "more": 1},
        {"kind": "pixels"},
        {},
    ],
)
def test_other_configurations_are_refused(values):
    with pytest.raises(ValidationError):
        TypeAdapter(SourceConfig).validate_python(values)


def test_configurations_are_read_back():
    for config in (
        GridSourceConfig(encoder=SIMCLR, rows=14, cols=14, has_mean=True, is_normalised=False),
        BoxSourceConfig(encoder=SIMCLR, compared="head", margin=0.5),
        FileSourceConfig(width=8),
    ):
        assert TypeAdapter(SourceConfig).validate_json(config.model_dump_json()) == config
