import torch
from torch.testing import assert_close

from seewhy.methods.text_maps.cams import grad_cam_maps, masked, most_varying, score_cam_maps


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_grad_cam_of_two_channels_by_hand():
    activations = torch.tensor([[[[1.0, 2.0]], [[5.0, 1.0]]]])
    gradients = torch.tensor([[[[4.0, 2.0]], [[-1.0, -1.0]]]])
    assert_close(grad_cam_maps(activations, gradients), torch.tensor([[[0.0, 5.0]]]))


def test_grad_cam_is_the_sum_over_channels_place_by_place():
    activations, gradients = noise(2, 5, 3, 4), noise(2, 5, 3, 4, seed=1)
    found = grad_cam_maps(activations, gradients)
    for image, row, col in torch.cartesian_prod(*map(torch.arange, (2, 3, 4))):
        total = sum(
            gradients[image, channel].sum() / 12 * activations[image, channel, row, col]
            for channel in range(5)
        )
        assert_close(found[image, row, col], max(total, torch.zeros(())))


def test_score_cam_of_a_winning_channel_is_its_positive_part():
    activations = noise(1, 3, 2, 2)
    logits = torch.tensor([[[0.0, 500.0], [500.0, 0.0], [0.0, 0.0]]])
    assert_close(score_cam_maps(activations, logits)[0], activations[0, [1, 0]].relu())


def test_score_cam_of_equal_scores_is_the_mean_channel():
    activations = noise(2, 4, 3, 3)
    found = score_cam_maps(activations, torch.full((2, 4, 1), 7.0))
    assert_close(found[:, 0], activations.mean(dim=1).relu())


def test_what_every_score_has_in_common_has_no_part_in_score_cam():
    activations, logits = noise(2, 4, 3, 3), noise(2, 4, 2, seed=1)
    assert_close(
        score_cam_maps(activations, logits - noise(2, 1, 2, seed=2)),
        score_cam_maps(activations, logits),
    )


def test_the_most_varying_channels_come_in_their_order():
    steps = torch.tensor([1.0, 5.0, 0.0, 3.0])[None, :, None, None]
    activations = steps * torch.tensor([[0.0, 1.0]]) + 9
    assert most_varying(activations, 2).tolist() == [[1, 3]]
    assert most_varying(activations, 3).tolist() == [[0, 1, 3]]
    assert most_varying(activations, 99).tolist() == [[0, 1, 2, 3]]


def test_a_mask_shows_the_image_where_its_channel_is_highest_and_the_fill_where_lowest():
    image, fill = noise(3, 1, 4), noise(3, 1, 4, seed=1)
    found = masked(image, torch.tensor([[[-3.0, 1.0]], [[2.0, 2.0]]]), fill)
    mask = torch.tensor([0.0, 0.25, 0.75, 1.0])
    assert_close(found[0], mask * image + (1 - mask) * fill)
    assert_close(found[1], fill)
