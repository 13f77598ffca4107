from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.guard import fingerprint
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.randomising import cascade, weighted_modules

PIXELS = torch.rand((2, 3, 8, 8), generator=torch.Generator().manual_seed(0))


class Late(nn.Module):
    """Registered in another order than it runs; `scale` is a weight of no layer."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 5)
        self.norm = nn.BatchNorm2d(4)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.stem = nn.Conv2d(3, 4, 3)
        self.scale = nn.Parameter(torch.arange(1.0, 5.0))

    def forward(self, pixels):
        maps = self.norm(self.stem(pixels)).relu().flatten(2).transpose(1, 2) * self.scale
        mixed, _ = self.attention(maps, maps, maps, need_weights=False)
        return self.head(mixed.mean(dim=1))


def encoder():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = Late().eval()
    return ImageEncoder(module, preprocess=Preprocessing(8), name="late", site="norm")


def test_modules_come_in_the_order_in_which_they_run():
    assert weighted_modules(encoder(), PIXELS) == (
        *("", "stem", "norm"),
        *("attention", "attention.out_proj", "head"),
    )


def changed(before, after):
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


def test_weights_go_from_the_head_to_the_stem_and_stay_gone():
    one = encoder()
    before = one.module.state_dict()
    names, lost = [], []
    for stage in cascade(one, PIXELS, stages=6):
        names.append(stage.until)
        lost.append(changed(before, stage.encoder.module.state_dict()))
    assert names == ["head", "attention.out_proj", "attention", "norm", "stem", ""]
    assert lost[0] == {"head.weight", "head.bias"}
    assert lost[-1] >= {"head.weight", "attention.in_proj_weight", "stem.weight", "scale"}
    assert all(fewer <= more for fewer, more in pairwise(lost))
    assert "stem.weight" not in lost[3]


def test_stages_take_even_shares_of_the_modules():
    assert [len(stage.modules) for stage in cascade(encoder(), PIXELS, stages=3)] == [2, 4, 6]
    assert [len(stage.modules) for stage in cascade(encoder(), PIXELS, stages=4)] == [1, 3, 4, 6]


def test_the_encoder_and_the_random_state_are_left_as_found():
    one = encoder()
    before = fingerprint(one.module)
    for stage in cascade(one, PIXELS):
        assert stage.encoder.site == "norm"
        assert stage.encoder.embed(PIXELS).isfinite().all()
    assert fingerprint(one.module) == before


def test_seeds_decide_and_weights_without_a_beginning_keep_their_size():
    def last(seed):
        *_, stage = cascade(encoder(), PIXELS, seed=seed)
        return {name: value.clone() for name, value in stage.encoder.module.state_dict().items()}

    assert not changed(last(1), last(1))
    assert "stem.weight" in changed(last(1), last(2))
    scales = torch.stack([last(seed)["scale"] for seed in range(40)])
    assert_close(scales.mean(), torch.tensor(2.5), rtol=0, atol=0.3)
    assert_close(scales.std(), torch.tensor(1.25**0.5), rtol=0, atol=0.2)


@pytest.mark.parametrize("stages", [0, 7])
def test_there_are_no_more_stages_than_modules(stages):
    with pytest.raises(UsageError, match="at most 6"):
        next(cascade(encoder(), PIXELS, stages=stages))
