import torch

from seewhy.data.aligned_views import aligned_views

FILL = torch.tensor([0.1, 0.2, 0.3])


def gradient(height=24, width=30):
    """Red rises to the right, green downwards."""
    down, across = torch.meshgrid(
        torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij"
    )
    return torch.stack([across, down, torch.full_like(down, 0.5)])


def views(count, seed=0):
    return torch.cat(list(aligned_views(gradient(), count=count, fill=FILL, seed=seed)))


def test_views_depend_on_the_seed_and_their_number_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = views(6)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(views(3), first[:3])
    assert not torch.equal(views(6, seed=1), first)


def test_views_are_images_of_the_same_size_that_differ():
    found = views(40)
    assert found.shape == (40, 3, 24, 30)
    assert ((found >= 0) & (found <= 1)).all()
    assert len({each.mean().item() for each in found}) > 35


def is_filled(view):
    return (view - FILL[:, None, None]).abs().amax(dim=0) < 1e-6


def test_about_half_have_a_filled_rectangle_of_the_stated_area():
    shares = []
    for view in views(200):
        rows, cols = is_filled(view).nonzero(as_tuple=True)
        if len(rows) > 5:
            height, width = rows.max() - rows.min() + 1, cols.max() - cols.min() + 1
            assert len(rows) == height * width
            shares.append(len(rows) / view[0].numel())
    assert 80 < len(shares) < 120
    assert 0.01 < min(shares) < 0.05
    assert 0.28 < max(shares) < 0.35


def test_everything_stays_in_its_place():
    """Where nothing is erased, a view is a function of the colour that was there."""
    image = torch.zeros(3, 12, 12)
    image[0, :, :6] = 1.0
    for view in aligned_views(image, count=40, fill=FILL):
        for half in (view[0, :, :, :6], view[0, :, :, 6:]):
            kept = half.flatten(1)[:, ~is_filled(half).flatten()]
            if kept.shape[1]:
                assert (kept - kept[:, :1]).abs().max() < 1e-5
