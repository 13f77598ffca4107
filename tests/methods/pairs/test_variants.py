import itertools

import pytest
import torch
from tests.methods.pairs.golden import golden_encoder, views
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.pairs import variants as variants_file
from seewhy.methods.pairs.method import cosines
from seewhy.methods.pairs.variants import Way, quick_embed, variant_embedder
from seewhy.methods.pairs.windows import pasted
from seewhy.models.guard import fingerprint
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.taps.regions import Box

BOXES = [
    Box(top, left, top + 8, left + 12)
    for top, left in itertools.product(range(0, 40, 3), range(0, 36, 4))
]


@pytest.fixture
def pair():
    first, second = views(0)
    return first[0], second[0]


def expected_of(encoder, base, content):
    with torch.no_grad():
        return encoder.embed(pasted(base, content, BOXES))


@pytest.fixture
def two_cores():
    """Whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize(
    "way",
    [
        *(Way("whole", 1), Way("whole", 5), Way("local", 1), Way("local", 8)),
        Way("local", 5, lanes=2),
    ],
    ids=str,
)
def test_every_way_gives_the_same(pair, way, monkeypatch):
    encoder = golden_encoder()
    expected = expected_of(encoder, *pair)
    monkeypatch.setattr(variants_file, "_usual_ways", lambda *_: (way,))
    with variant_embedder(encoder) as embedder:
        found = embedder.variants(*pair, BOXES)
        assert embedder.way == way
    assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_all_ways_are_tried_and_the_fastest_stays(pair, monkeypatch):
    clock = itertools.count()
    price = {Way("whole", 1): 5, Way("local", 8): 16, Way("whole", 4): 40, Way("whole", 3, 2): 30}
    monkeypatch.setattr(variants_file, "_usual_ways", lambda *_: tuple(price))
    encoder = golden_encoder()
    with variant_embedder(encoder) as embedder:
        taken = []
        seconds = {"now": 0.0}

        def now():
            taken.append(embedder.way)
            if next(clock) % 2:
                seconds["now"] += price[embedder.way]
            return seconds["now"]

        monkeypatch.setattr(embedder, "_now", now)
        found = embedder.variants(*pair, BOXES)
        assert embedder.way == Way("local", 8)
    assert [way for way, _ in itertools.groupby(taken)] == [
        Way("whole", 1),
        Way("local", 8),
        Way("whole", 4),
        Way("whole", 3, 2),
        Way("local", 8),
    ]
    assert_close(found, expected_of(encoder, *pair), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("two_cores")
def test_cores_are_used_side_by_side_where_the_graph_is_known(pair):
    encoder = golden_encoder()
    expected = expected_of(encoder, *pair)
    with variant_embedder(encoder) as embedder:
        for _ in range(3):
            assert_close(embedder.variants(*pair, BOXES), expected, rtol=1e-4, atol=1e-5)
        assert {way.lanes for way in embedder._seconds} == {1, 2}
        assert all(embedder._seconds.values())
    assert torch.get_num_threads() == 2


def test_a_given_batch_is_kept_to(pair):
    encoder = golden_encoder()
    with variant_embedder(encoder, batch=7) as embedder:
        embedder.variants(*pair, BOXES)
        assert embedder.way == Way("whole", 7)
    with pytest.raises(UsageError, match="batch is 0"), variant_embedder(encoder, batch=0):
        pass


def test_a_graph_that_is_wrong_for_this_image_is_not_used(pair):
    """Its shape decides what it computes, which tracing takes for a fact."""

    class Deceiving(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.calls = 0

        def forward(self, pixels):
            is_traced = not isinstance(pixels, torch.Tensor)
            return self.conv(pixels).mean(dim=(2, 3)) * (2 if is_traced else 1)

    encoder = ImageEncoder(Deceiving(), preprocess=Preprocessing(48))
    with variant_embedder(encoder) as embedder:
        found = embedder.variants(*pair, BOXES)
        assert embedder.way.passes == "whole"
    assert_close(found, expected_of(encoder, *pair), rtol=1e-4, atol=1e-6)


def test_a_module_that_cannot_be_traced_goes_whole(pair):
    class Choosing(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, pixels):
            return self.conv(pixels).mean(dim=(2, 3)) if pixels.sum() > 0 else pixels[:, :, 0, 0]

    encoder = ImageEncoder(Choosing(), preprocess=Preprocessing(48))
    with variant_embedder(encoder) as embedder:
        found = embedder.variants(*pair, BOXES)
    assert_close(found, expected_of(encoder, *pair), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_model_is_left_as_found(pair, precision):
    encoder = golden_encoder()
    encoder.module.train()
    before = fingerprint(encoder.module)
    with variant_embedder(encoder, precision=precision) as embedder:
        found = embedder.variants(*pair, BOXES)
    assert fingerprint(encoder.module) == before
    assert found.dtype == torch.float32
    encoder.module.eval()
    expected = expected_of(encoder, *pair)
    assert cosines(found, expected).min() > (1 - 1e-6 if precision == "float32" else 0.995)


def test_quick_embeddings_are_those_of_the_encoder_and_it_stays_as_it_is():
    encoder = golden_encoder()
    encoder.module.train()
    before = fingerprint(encoder.module)
    images = views(0)[0].expand(3, -1, -1, -1) * torch.tensor([1.0, 0.5, 0.1]).view(3, 1, 1, 1)
    with quick_embed(encoder) as embed:
        first, again = embed(images), embed(images)
        assert_close(first, encoder.embed(images), rtol=0, atol=0)
        assert_close(again, first, rtol=1e-4, atol=1e-5)
    assert fingerprint(encoder.module) == before


def test_quick_embeddings_in_low_precision_are_near_and_the_model_stays_as_it_is():
    encoder = golden_encoder()
    before = fingerprint(encoder.module)
    images = views(0)[0].expand(3, -1, -1, -1) * torch.tensor([1.0, 0.5, 0.1]).view(3, 1, 1, 1)
    with quick_embed(encoder, precision="bfloat16") as embed:
        first, again = embed(images), embed(images)
    assert fingerprint(encoder.module) == before
    encoder.module.eval()
    expected = encoder.embed(images)
    for found in (first, again):
        assert found.dtype == torch.float32
        assert cosines(found, expected).min() > 0.995
        assert not torch.equal(found, expected)


def test_a_graph_that_differs_from_its_module_is_not_used(pair, monkeypatch):
    encoder = golden_encoder()
    monkeypatch.setattr(variants_file.LocalPasses, "__call__", lambda _self, images: images * 0)
    with quick_embed(encoder) as embed:
        for _ in range(2):
            assert_close(embed(pair[0][None]), encoder.embed(pair[0][None]), rtol=0, atol=0)
