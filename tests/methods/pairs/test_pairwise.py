import pytest
import torch
from tests.methods.pairs.golden import arrays, assert_near, golden_encoder, tensor, views
from torch.testing import assert_close
from torchvision.transforms import RandomErasing

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.method import by_maximum, cosines
from seewhy.methods.pairs.pairwise import (
    PairwiseOcclusion,
    covered,
    gathered,
    per_visit,
    random_box,
    shares,
)
from seewhy.taps.regions import Box


def stored_boxes():
    return tuple(
        [Box(top, left, top + high, left + wide) for top, left, high, wide in rows.tolist()]
        for rows in (arrays("pairwise")["rects1"], arrays("pairwise")["rects2"])
    )


class StoredDraws(PairwiseOcclusion):
    def boxes(self, _first, _second):
        return stored_boxes()


def test_published_maps_of_the_stored_rectangles_are_the_stored_ones():
    first, second = (tensor("pairwise", f"view{view}_u8")[None] / 255 for view in (1, 2))
    found = StoredDraws(protocol="published").maps(golden_encoder(), first, second)
    assert_near(by_maximum(found.first)[0], tensor("pairwise", "map1"))
    assert_near(by_maximum(found.second)[0], tensor("pairwise", "map2"))
    assert_close(found.similarity[0], tensor("pairwise", "base"))


def test_the_stored_maps_follow_from_the_stored_similarities_and_lengths():
    dropped = tensor("pairwise", "base") - tensor("pairwise", "sims")
    lengths = torch.stack([tensor("pairwise", f"norm{view}") for view in (1, 2)])
    weights = shares(dropped, lengths, temperature=1.0)
    for boxes, each, view in zip(
        stored_boxes(), (weights.first, weights.second), (1, 2), strict=True
    ):
        found = by_maximum(gathered(covered(boxes, (224, 224)), each)[None])[0]
        assert_near(found, tensor("pairwise", f"map{view}"))


def test_draws_are_those_of_random_erasing():
    settings = {"scale": (0.1, 0.3), "ratio": (0.5, 1.5)}
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        box = random_box((40, 56), generator, **settings)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            top, left, high, wide, _ = RandomErasing.get_params(
                torch.zeros(3, 40, 56), settings["scale"], settings["ratio"], [0.0]
            )
        assert box == Box(top, left, top + high, left + wide)


def test_a_rectangle_that_never_fits_is_empty():
    box = random_box((2, 100), torch.Generator(), scale=(0.9, 0.9), ratio=(1.0, 1.0))
    assert box.area == 0


def test_weights_by_hand_go_to_the_shorter_embedding():
    dropped = torch.tensor([3.0, 3.0, 3.0]).log()
    lengths = torch.tensor([[1.0, 2.0, 5.0], [2.0, 1.0, 5.0]])
    found = shares(dropped, lengths, temperature=1.0)
    assert_close(found.first, torch.tensor([1 / 3, 0, 0]))
    assert_close(found.second, torch.tensor([0, 1 / 3, 1 / 3]))


def test_a_sum_per_visit_does_not_favour_what_is_hidden_more_often():
    hidden = covered([Box(0, 0, 1, 2), Box(0, 0, 1, 1)], (1, 3))
    found = gathered(hidden, torch.tensor([0.5, 0.5]))
    assert found.tolist() == [[1.0, 0.5, 0.0]]
    assert per_visit(found, hidden).tolist() == [[0.5, 0.5, 0.0]]


def test_black_pixels_are_hidden_by_every_draw_as_published_and_not_by_default():
    first = views(0)[0].clamp(min=0.01)
    first[:, :, :4, :4] = 0
    for protocol in ("published", "mended"):
        method = PairwiseOcclusion(draws=6, protocol=protocol)
        boxes, _ = method.boxes((48, 48), (48, 48))
        hidden = method._hidden(first[0], torch.zeros(3, 48, 48), boxes)
        corner = covered(boxes, (48, 48))[:, :4, :4]
        if protocol == "published":
            corner = torch.ones_like(corner)
        assert (hidden[:, :4, :4] == corner).all()
        assert (hidden[:, 4:] == covered(boxes, (48, 48))[:, 4:]).all()


def test_the_default_map_is_the_mean_weight_of_the_draws_that_hid_a_pixel():
    encoder, (first, second) = golden_encoder(), views(1)
    method = PairwiseOcclusion(draws=12, seed=3)
    boxes = method.boxes((48, 48), (48, 48))
    erased = []
    for view, own in zip((first, second), boxes, strict=True):
        images = view.expand(12, -1, -1, -1).clone()
        for image, box in zip(images, own, strict=True):
            image[:, box.top : box.bottom, box.left : box.right] = 0
        erased.append(encoder.embed(images).detach())
    drop = cosines(encoder.embed(first), encoder.embed(second)).detach() - cosines(*erased)
    weights = (drop / drop.std(correction=0)).softmax(dim=0)
    kept = [
        own.norm(dim=1) / encoder.embed(view).detach().norm()
        for own, view in zip(erased, (first, second), strict=True)
    ]
    is_first = kept[0] < kept[1]
    found = method.maps(encoder, first, second)
    for maps, own, chosen in (
        (found.first, boxes[0], is_first),
        (found.second, boxes[1], ~is_first),
    ):
        visits, total = torch.zeros(48, 48), torch.zeros(48, 48)
        for box, weight, is_own in zip(own, weights, chosen, strict=True):
            visits[box.top : box.bottom, box.left : box.right] += 1
            total[box.top : box.bottom, box.left : box.right] += weight * is_own
        expected = torch.where(visits > 0, total / visits, 0.0)
        assert_near(maps[0], expected, 1e-4)


def test_a_batch_gives_what_its_pairs_give_and_seeds_matter():
    method = PairwiseOcclusion(draws=8)
    together = method.maps(golden_encoder(), *views())
    for pair in range(3):
        alone = method.maps(golden_encoder(), *views(pair))
        assert_near(alone.first[0], together.first[pair])
        assert_near(alone.second[0], together.second[pair])
    other = PairwiseOcclusion(draws=8, seed=1).maps(golden_encoder(), *views())
    assert not torch.allclose(other.first, together.first)


def test_views_of_two_sizes():
    generator = torch.Generator().manual_seed(0)
    first = torch.rand(1, 3, 30, 44, generator=generator)
    second = torch.rand(1, 3, 40, 26, generator=generator)
    found = PairwiseOcclusion(draws=8).maps(golden_encoder(), first, second)
    assert (found.first.shape, found.second.shape) == ((1, 30, 44), (1, 40, 26))


@pytest.mark.parametrize(
    "method",
    [
        PairwiseOcclusion(draws=0),
        PairwiseOcclusion(scale=(0.3, 0.1)),
        PairwiseOcclusion(ratio=(0.0, 1.0)),
    ],
)
def test_settings_that_mean_nothing_are_refused(method):
    with pytest.raises(UsageError, match=r"wanted at least 1|no bounds"):
        method.maps(golden_encoder(), *views())
