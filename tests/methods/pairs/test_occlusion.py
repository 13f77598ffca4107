import pytest
import torch
from tests.methods.pairs.golden import assert_near, golden_encoder, tensor, views
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.method import cosines, min_max
from seewhy.methods.pairs.occlusion import (
    ConditionalOcclusion,
    ContextAgnosticOcclusion,
    drops,
    likenesses,
)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("pair", [0, 1, 2])
@pytest.mark.parametrize(("window", "stride"), [(16, 4), (20, 7)])
def test_published_occlusion_is_the_stored_one(pair, window, stride):
    key = f"w{window}_s{stride}_p{pair}"
    settings = {"window": window, "stride": stride, "protocol": "published"}
    found = ConditionalOcclusion(**settings).maps(golden_encoder(), *views(pair))
    agnostic = ContextAgnosticOcclusion(**settings).maps(golden_encoder(), *views(pair))
    for view in ("first", "second"):
        number = 1 if view == "first" else 2
        maps = getattr(found, view)
        assert_near(maps[0], tensor("occlusion", f"{key}_drop{number}"))
        assert_near(min_max(maps)[0], tensor("occlusion", f"{key}_cond{number}"))
        assert_near(min_max(getattr(agnostic, view))[0], tensor("occlusion", f"{key}_ctx{number}"))
    assert_close(found.similarity[0], tensor("pairs", "cos")[pair])


def slowly(encoder, image, other, *, window, stride):
    """One window after the other, as the formula says."""
    base = cosines(encoder.embed(image), encoder.embed(other))
    height, width = image.shape[2:]
    rows = []
    for top in range(0, height - window + 1, stride):
        row = []
        for left in range(0, width - window + 1, stride):
            hidden = image.clone()
            hidden[:, :, top : top + window, left : left + window] = 0
            row.append(base - cosines(encoder.embed(hidden), encoder.embed(other)))
        rows.append(torch.cat(row))
    return torch.stack(rows).detach()


def test_views_of_any_size_as_one_window_after_the_other():
    encoder = golden_encoder()
    first, second = noise(1, 3, 32, 44), noise(1, 3, 40, 28, seed=1)
    found = ConditionalOcclusion(window=12, stride=4).maps(encoder, first, second)
    assert_near(found.first[0], slowly(encoder, first, second, window=12, stride=4))
    assert_near(found.second[0], slowly(encoder, second, first, window=12, stride=4))


@pytest.mark.parametrize("method", [ConditionalOcclusion, ContextAgnosticOcclusion])
def test_a_batch_gives_what_its_pairs_give(method):
    encoder = golden_encoder()
    together = method(window=20, stride=14).maps(encoder, *views())
    for pair in range(3):
        alone = method(window=20, stride=14, batch=3).maps(encoder, *views(pair))
        assert_close(together.first[pair], alone.first[0], rtol=1e-4, atol=1e-6)
        assert_close(together.second[pair], alone.second[0], rtol=1e-4, atol=1e-6)


def test_a_last_window_covers_the_rest_and_cells_lie_at_their_windows():
    found = ConditionalOcclusion(window=20, stride=9).maps(golden_encoder(), *views(0))
    assert found.first_centres.rows == (10, 19, 28, 37, 38)
    left = ConditionalOcclusion(window=20, stride=9, protocol="published")
    published = left.maps(golden_encoder(), *views(0))
    assert published.first_centres is None
    assert_close(found.first[:, :4, :4], published.first)


def test_windows_are_in_proportion_to_the_view_unless_published():
    assert len(ConditionalOcclusion().grid(torch.zeros(1, 3, 224, 224)).boxes) == 441
    small = ConditionalOcclusion().grid(torch.zeros(1, 3, 112, 224))
    assert (small.window, small.tops[:2], len(small.tops), len(small.lefts)) == (32, (0, 4), 21, 49)
    assert ConditionalOcclusion(protocol="published").grid(torch.zeros(1, 3, 112, 224)).window == 64


def test_a_window_larger_than_a_view_is_refused():
    with pytest.raises(UsageError, match="windows of 64 pixels"):
        ConditionalOcclusion(protocol="published").maps(golden_encoder(), *views())


def test_what_is_hidden_already_costs_nothing():
    first, second = (view.clone() for view in views(0))
    first[:, :, :24] = 0
    found = ConditionalOcclusion(window=8, stride=8).maps(golden_encoder(), first, second)
    assert found.first[0, :3].abs().max() < 1e-6
    assert found.first[0, 3:].abs().min() > 1e-6


def test_a_mean_fill_does_not_change_a_view_of_one_colour():
    first = torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1).expand(1, 3, 48, 48)
    for fill in ("mean", "blurred", (0.2, 0.5, 0.9)):
        method = ConditionalOcclusion(window=16, stride=16, fill=fill)
        found = method.maps(golden_encoder(), first, views(0)[1])
        assert found.first.abs().max() < 1e-6
        assert found.second.abs().max() > 1e-4


def test_bfloat16_agrees_with_float32():
    exact = ConditionalOcclusion(window=16, stride=8).maps(golden_encoder(), *views())
    method = ConditionalOcclusion(window=16, stride=8, precision="bfloat16")
    rounded = method.maps(golden_encoder(), *views())
    for found, expected in ((rounded.first, exact.first), (rounded.second, exact.second)):
        for maps in zip(found, expected, strict=True):
            assert torch.corrcoef(torch.stack(maps).flatten(1))[0, 1] > 0.95
    assert_close(rounded.similarity, exact.similarity)


def test_drops_and_likenesses_by_hand():
    whole, other = torch.tensor([3.0, 4.0]), torch.tensor([2.0, 0.0])
    hidden = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert_close(drops(whole, hidden, other), torch.tensor([0.6, -0.4]))
    kept = torch.tensor([[3.0, 5.0], [0.0, 0.0]])
    assert_close(likenesses(kept - hidden, other), torch.tensor([0.6, -1.0]))


def test_an_image_of_several_pairs_is_occluded_once():
    encoder, (first, second) = golden_encoder(), views()
    passes = []

    def count(_module, inputs):
        passes.append(len(inputs[0]))

    query = torch.stack((first[0], first[1], first[0], first[0]))
    found = torch.cat((second, second[:1]))
    method = ConditionalOcclusion(window=16, stride=16)
    with encoder.module.register_forward_pre_hook(count):
        maps = method.maps(encoder, query, found)
    assert sum(passes) == 2 * 9 + 3 * 9 + 2 + 3 + 8 + 8
    for pair in range(4):
        alone = method.maps(encoder, query[pair : pair + 1], found[pair : pair + 1])
        assert_close(maps.first[pair], alone.first[0], rtol=1e-4, atol=1e-6)
        assert_close(maps.second[pair], alone.second[0], rtol=1e-4, atol=1e-6)
