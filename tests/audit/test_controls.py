import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.strategies import floats, lists
from PIL import Image
from scipy import stats
from torch import nn

from seewhy.audit.controls import exceedance, untrained_copies
from seewhy.models.classifiers import Classifier
from seewhy.models.guard import fingerprint
from seewhy.models.tiny import tiny_classifier


class Shifted(nn.Module):
    """Has a weight of its own, a layer's weights and running statistics."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.arange(10.0))
        self.linear = nn.Linear(10, 2)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, pixels):
        return self.norm(self.linear(pixels.mean(dim=(1, 2, 3))[:, None] + self.shift))


def shifted():
    module = Shifted()
    with torch.no_grad():
        module.linear.weight.fill_(3.0)
        module.norm.running_mean.fill_(5.0)
    module.eval()
    return Classifier(
        module, preprocess=lambda _: torch.zeros(3, 4, 4), classes=["a", "b"], name="shifted"
    )


def weights(model):
    return torch.cat([weight.flatten() for weight in model.module.state_dict().values()])


@pytest.mark.parametrize("family", ["resnet", "vgg", "convnext", "efficientnet"])
def test_the_model_is_left_as_it_was(family):
    model = tiny_classifier(family)
    before = fingerprint(model.module)
    untrained_copies(model, count=2, seed=0)
    assert fingerprint(model.module) == before


@pytest.mark.parametrize("family", ["resnet", "vgg", "convnext"])
def test_copies_differ_from_the_model_and_from_each_other_and_answer_anew(family):
    model = tiny_classifier(family)
    copies = untrained_copies(model, count=3, seed=0)
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    answers = [each.logits(pixels) for each in (model, *copies)]
    for position, answer in enumerate(answers):
        assert answer.isfinite().all()
        assert all(not torch.equal(answer, other) for other in answers[:position])


def test_copies_depend_on_the_seed_alone_and_more_of_them_begin_alike():
    model = tiny_classifier()
    torch.manual_seed(1)
    first = untrained_copies(model, count=3, seed=5)
    torch.manual_seed(2)
    again = untrained_copies(model, count=2, seed=5)
    other = untrained_copies(model, count=1, seed=50)
    assert torch.equal(weights(first[0]), weights(again[0]))
    assert torch.equal(weights(first[1]), weights(again[1]))
    assert not torch.equal(weights(first[0]), weights(other[0]))


def test_a_copy_is_asked_like_the_model():
    model = shifted()
    (copy,) = untrained_copies(model, count=1, seed=0)
    assert copy.classes == model.classes
    assert copy.name == model.name
    image = Image.new("RGB", (4, 4))
    assert torch.equal(copy.preprocess(image), model.preprocess(image))
    assert not copy.module.training


@pytest.mark.parametrize("family", ["resnet", "densenet", "mobilenet"])
def test_every_weight_tensor_keeps_its_numbers_and_loses_their_order(family):
    model = tiny_classifier(family)
    (copy,) = untrained_copies(model, count=1, seed=0)
    held = dict(model.module.named_parameters())
    assert held.keys() == dict(copy.module.named_parameters()).keys()
    for name, weight in copy.module.named_parameters():
        assert torch.equal(weight.flatten().sort().values, held[name].flatten().sort().values)
        if weight.numel() > 20 and weight.std() > 0:
            assert not torch.equal(weight, held[name]), name


def test_running_statistics_are_forgotten():
    (copy,) = untrained_copies(shifted(), count=1, seed=0)
    assert copy.module.norm.running_mean.tolist() == [0.0, 0.0]
    assert copy.module.norm.running_var.tolist() == [1.0, 1.0]


def test_drawing_copies_leaves_the_global_random_state_alone():
    model = shifted()
    state = torch.get_rng_state()
    untrained_copies(model, count=2, seed=0)
    assert torch.equal(state, torch.get_rng_state())


def test_copies_can_still_be_trained():
    (copy,) = untrained_copies(shifted(), count=1, seed=0)
    assert all(weight.requires_grad for weight in copy.module.parameters())


NULLS = lists(floats(1e-3, 1), min_size=3, max_size=8)


@given(null=NULLS)
def test_the_geometric_mean_of_the_null_is_exceeded_half_of_the_time(null):
    middle = float(np.exp(np.mean(np.log(null))))
    assert exceedance(middle, null) == pytest.approx(0.5, abs=1e-6)


@given(null=NULLS, values=lists(floats(0, 2), min_size=2, max_size=6))
def test_larger_observations_are_rarer(null, values):
    chances = [exceedance(value, null) for value in sorted(values)]
    assert chances == sorted(chances, reverse=True)
    assert all(0 <= chance <= 1 for chance in chances)


@given(null=NULLS, factor=floats(0.1, 10))
def test_units_do_not_count(null, factor):
    scaled = [factor * value for value in null]
    assert exceedance(0.3 * factor, scaled) == pytest.approx(exceedance(0.3, null), abs=1e-6)


def test_a_draw_of_the_null_itself_is_believed_as_rarely_as_promised():
    generator = np.random.default_rng(0)
    draws = np.exp(generator.normal(-3, 1.0, size=(4000, 7)))
    p_values = np.array([exceedance(row[0], row[1:].tolist()) for row in draws])
    for level in (0.05, 0.2, 0.5):
        assert (p_values <= level).mean() == pytest.approx(level, abs=0.02)
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_a_null_that_agrees_by_luck_still_spreads():
    null = [0.1] * 6
    one_spread_off = 0.1 * np.exp(0.5 * np.sqrt(1 + 1 / 6))
    assert exceedance(one_spread_off, null) == pytest.approx(stats.t.sf(1, df=5))


def test_how_much_smaller_than_nothing_an_answer_varies_says_nothing():
    assert exceedance(0.0, [0.0, 0.0, 0.0]) == pytest.approx(0.5)
    for nothing in (0.0, -1.0, 1e-30, 1e-4):
        assert exceedance(0.1, [nothing] * 3) == exceedance(0.1, [1e-4] * 3)
        assert exceedance(nothing, [0.1, 0.2, 0.3]) == exceedance(1e-4, [0.1, 0.2, 0.3])
    distance = np.log(1000) / (0.5 * np.sqrt(4 / 3))
    assert exceedance(0.1, [0.0] * 3) == pytest.approx(stats.t.sf(distance, df=2))
    assert exceedance(0.1, [0.0] * 8) < 1e-5
