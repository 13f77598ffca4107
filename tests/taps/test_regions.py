import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

from seewhy.taps.regions import Box, LocalPasses


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Block(nn.Module):
    """As in a ResNet: two branches that reach differently far, and a ReLU used twice, in place."""

    def __init__(self, channels, stride):
        super().__init__()
        self.first = nn.Conv2d(channels, 8, 3, stride=stride, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, padding=1, groups=2, bias=False)
        self.shortcut = nn.Conv2d(channels, 8, 1, stride=stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, maps):
        found = self.second(self.relu(self.norm(self.first(maps))))
        found += self.shortcut(maps)
        return self.relu(found)


class Gated(nn.Module):
    """Sums, products and numbers; a gate that sees the whole map."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 5, padding=(2, 4), dilation=(1, 2), padding_mode="zeros")
        self.last = nn.Conv2d(6, 4, 3, stride=3)

    def forward(self, maps):
        found = functional.relu(self.conv(maps))
        found = torch.add(found * functional.gelu(found), 0.5) * 2
        gate = found.mean(dim=(2, 3), keepdim=True).sigmoid()
        return self.last(found * gate).flatten(1)


def pooled():
    return nn.Sequential(
        nn.Conv2d(3, 4, 7, stride=2, padding=3, bias=False),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.AvgPool2d(2, stride=1, padding=1),
        nn.Conv2d(4, 4, 1, stride=2),
        nn.SiLU(),
        nn.Flatten(),
    )


MODULES = {
    "residual": lambda: nn.Sequential(Block(3, 1), Block(8, 2), Block(8, 1), nn.Flatten()),
    "gated": Gated,
    "pooled": pooled,
    "ends within a map": lambda: nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()),
    "other padding": lambda: nn.Conv2d(3, 2, 3, padding=1, padding_mode="reflect"),
    "same padding": lambda: nn.Conv2d(3, 2, 3, padding="same"),
    "ceil": lambda: nn.Sequential(nn.Conv2d(3, 2, 1), nn.MaxPool2d(3, 2, ceil_mode=True)),
}
BOXES = [
    *(Box(0, 0, 6, 6), Box(17, 31, 23, 37), Box(9, 13, 15, 19), Box(0, 20, 6, 26)),
    *(Box(5, 0, 6, 1), Box(22, 36, 23, 37), Box(3, 2, 17, 30)),
]


def made(name, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = MODULES[name]()
        for child in module.modules():
            if isinstance(child, nn.BatchNorm2d):
                nn.init.normal_(child.running_mean)
                nn.init.uniform_(child.running_var, 0.5, 2)
                nn.init.normal_(child.bias)
    return module.eval().requires_grad_(False)


def variants(base, boxes):
    images = base.repeat(len(boxes), 1, 1, 1)
    for image, box in zip(images, boxes, strict=True):
        image[:, box.top : box.bottom, box.left : box.right] = noise(3, 1, 1, seed=7)
    return images


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("together", [1, 3, 7])
@pytest.mark.parametrize("last", [True, False])
def test_local_passes_are_whole_passes(name, together, last):
    module, base = made(name), noise(1, 3, 23, 37)
    if last:
        base = base.contiguous(memory_format=torch.channels_last)
        module = module.to(memory_format=torch.channels_last)
    images = variants(base, BOXES)
    kept = LocalPasses.through(module).of(base, typical=BOXES[2])
    found = kept.outputs(images, BOXES, together=together)
    assert_close(found, module(images), rtol=1e-5, atol=1e-5)


def test_every_box_of_a_small_image_and_any_typical_one():
    module, base = made("residual"), noise(1, 3, 7, 9)
    edges = itertools.product(range(0, 7, 2), range(0, 9, 3), (1, 3), (2, 4))
    boxes = [
        Box(top, left, min(top + high, 7), min(left + wide, 9)) for top, left, high, wide in edges
    ]
    images = variants(base, boxes)
    expected = module(images)
    for typical in (boxes[0], boxes[20], Box(0, 0, 7, 9)):
        kept = LocalPasses.through(module).of(base, typical=typical)
        assert_close(kept.outputs(images, boxes, together=1), expected, rtol=1e-5, atol=1e-5)


def test_the_base_is_not_changed_by_what_works_in_place():
    module, base = made("residual"), noise(1, 3, 23, 37)
    kept = LocalPasses.through(module).of(base, typical=BOXES[0])
    images = variants(base, BOXES)
    first = kept.outputs(images, BOXES, together=1)
    assert_close(kept.outputs(images, BOXES, together=1), first, rtol=0, atol=0)
    assert_close(base, noise(1, 3, 23, 37), rtol=0, atol=0)


def test_only_what_a_box_reaches_is_computed():
    module, base = made("residual"), noise(1, 3, 64, 64)
    computed = []
    convolve = functional.conv2d

    def counting(values, *rest):
        computed.append(values.shape[2] * values.shape[3])
        return convolve(values, *rest)

    kept = LocalPasses.through(module).of(base, typical=Box(30, 30, 34, 34))
    assert kept.share > 0.9
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functional, "conv2d", counting)
        kept.outputs(base, [Box(30, 30, 34, 34)], together=1)
    assert computed[0] == 8 * 8
    assert max(computed) < 20 * 20


def test_a_module_that_somebody_listens_to_has_no_local_passes():
    module = made("pooled")
    with module[1].register_forward_hook(lambda *_: None):
        assert LocalPasses.through(module) is None
    assert LocalPasses.through(module) is not None


def test_a_module_whose_graph_depends_on_its_input_has_no_local_passes():
    class Choosing(nn.Module):
        def forward(self, maps):
            return maps if maps.sum() > 0 else -maps

    assert LocalPasses.through(Choosing()) is None


def test_boxes_by_hand():
    box, other = Box(1, 2, 4, 6), Box(3, 0, 9, 5)
    assert box.area == 12
    assert box.around(other) == Box(1, 0, 9, 6)
    assert box.within(other) == Box(3, 2, 4, 5)
    assert other.seen_from(box) == Box(2, -2, 8, 3)
