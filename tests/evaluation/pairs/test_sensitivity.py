import pytest
import torch
from tests.evaluation.pairs.golden import bare_maps, encoder
from tests.methods.pairs.golden import tensor, views
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.evaluation.pairs.sensitivity import max_sensitivity, noisy_pairs


def layer_cam(first, second):
    """Activations times the positive part of their gradients, written out once more."""
    mapped = [encoder().embed_maps(each) for each in (first, second)]
    score = torch.cosine_similarity(mapped[0].embeddings, mapped[1].embeddings).sum()
    gradients = torch.autograd.grad(score, [each.source for each in mapped])
    return bare_maps(
        *(
            (each.source * gradient.relu()).sum(dim=1).detach()
            for each, gradient in zip(mapped, gradients, strict=True)
        )
    )


def input_gradient(first, second):
    first, second = (each.clone().requires_grad_() for each in (first, second))
    score = torch.cosine_similarity(encoder().embed(first), encoder().embed(second)).sum()
    gradients = torch.autograd.grad(score, (first, second))
    return bare_maps(
        *(
            (each * gradient).abs().amax(dim=1).detach()
            for each, gradient in zip((first, second), gradients, strict=True)
        )
    )


@pytest.mark.parametrize(
    ("maps", "name"), [(layer_cam, "sens_gradcam"), (input_gradient, "sens_grad_guided0")]
)
def test_stored_sensitivities(maps, name):
    first, second = views(0)
    noisy = [(first + noise, second + noise) for noise in tensor("metrics", "sens_noise")[:, None]]
    found = max_sensitivity(maps(first, second), [maps(*each) for each in noisy])
    assert_close(found, tensor("metrics", name)[None], rtol=1e-3, atol=0)


def test_a_case_by_hand():
    original = bare_maps(torch.tensor([[[3.0, 4.0]]]), torch.tensor([[[0.0], [2.0]]]))
    near = bare_maps(torch.tensor([[[3.0, 4.5]]]), torch.tensor([[[0.0], [4.0]]]))
    far = bare_maps(torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[1.0], [2.0]]]))
    # The largest of 0.1 and 1 in the first view, of 1 and 0.5 in the second.
    assert max_sensitivity(original, [near, far]).tolist() == [1.0]
    assert max_sensitivity(original, [near]).tolist() == pytest.approx([(0.1 + 1) / 2])


def test_scale_does_not_count_and_an_unmoved_map_has_none():
    maps = torch.rand((2, 2, 4, 5), generator=torch.Generator().manual_seed(0))
    original, other = bare_maps(maps[0], maps[1]), bare_maps(maps[1], maps[0])
    scaled = max_sensitivity(
        bare_maps(9 * maps[0], 2 * maps[1]), [bare_maps(9 * maps[1], 2 * maps[0])]
    )
    assert_close(scaled, max_sensitivity(original, [other]))
    assert max_sensitivity(original, [original]).tolist() == [0, 0]
    flat = bare_maps(torch.zeros(1, 2, 2), torch.ones(1, 2, 2))
    assert max_sensitivity(flat, [flat]).isnan().all()
    with pytest.raises(UsageError, match="at least one draw"):
        max_sensitivity(original, [])


def test_both_views_get_the_same_noise_of_the_right_size_again_for_a_seed():
    first, second = torch.zeros(2, 3, 6, 9), torch.ones(2, 3, 8, 5)

    def draw():
        return list(noisy_pairs(first, second, generator=torch.Generator().manual_seed(4), draws=6))

    noise = torch.stack([each for each, _ in draw()])
    other = torch.stack([each for _, each in draw()]) - 1
    assert noise.abs().max() <= 0.2
    assert noise.abs().mean().item() == pytest.approx(0.1, rel=0.1)
    assert_close(noise[..., :5], other[..., :6, :])
    assert torch.equal(noise[:, 0], noise[:, 1])
    assert len({float(each.sum()) for each in noise}) == 6
    assert torch.equal(noise, torch.stack([each for each, _ in draw()]))
