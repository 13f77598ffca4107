import numpy as np
import pytest
import torch
from tests.methods.mutual_knowledge.golden import arrays
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.parts import (
    kmeans_clusters,
    label_grid,
    part_grids,
    part_pixels,
    pca_labels,
)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def stored_parts():
    stored = arrays("parts")
    mask = torch.from_numpy(stored["fg"])
    tokens = torch.from_numpy(stored["features"]).reshape(*mask.shape, -1)
    return stored, tokens, mask


def test_clusters_are_the_stored_ones():
    stored, tokens, mask = stored_parts()
    init = torch.from_numpy(stored["kmeans_init_indices"])
    found = kmeans_clusters(tokens[mask], int(stored["K_parts"]), init=init)
    wanted = stored["kmeans_labels_flat"].reshape(mask.shape)
    grids = label_grid(found.labels, mask)
    assert np.array_equal(grids[mask].numpy(), wanted[stored["fg"]])
    assert (grids[~mask] == -1).all()
    assert_close(found.centres, torch.from_numpy(stored["kmeans_centers"]), atol=1e-5, rtol=0)


def test_principal_parts_are_the_largest_of_the_stored_scores():
    stored, tokens, mask = stored_parts()
    wanted = stored["pca_minmax_scores"].argmax(axis=1)
    found = part_grids(tokens, mask, by="pca", parts=int(stored["K_parts"]), fit="joint")
    assert np.array_equal(found[mask].numpy(), wanted)


@pytest.mark.parametrize("by", ["pca", "kmeans"])
def test_images_by_themselves_do_not_depend_on_the_batch(by):
    _, tokens, mask = stored_parts()
    together = part_grids(tokens, mask, by=by)
    pairs = zip(tokens, mask, strict=True)
    single = [part_grids(each[None], where[None], by=by) for each, where in pairs]
    assert torch.equal(together, torch.cat(single))


@pytest.mark.parametrize("by", ["pca", "kmeans"])
@pytest.mark.parametrize("fit", ["image", "joint"])
def test_few_patches_or_none_are_no_fault(by, fit):
    tokens, mask = noise(3, 2, 4, 6), torch.zeros(3, 2, 4, dtype=torch.bool)
    assert (part_grids(tokens, mask, by=by, fit=fit) == -1).all()
    mask[1, 0, :2] = True
    found = part_grids(tokens, mask, by=by, fit=fit)
    assert torch.equal(found >= 0, mask)
    assert found.max() < 5
    assert set(part_grids(tokens, mask, by=by, parts=1, fit=fit)[mask].tolist()) == {0}


def test_three_directions_are_three_clusters():
    tokens = torch.eye(3).repeat_interleave(4, dim=0) * torch.arange(1.0, 13)[:, None]
    labels = kmeans_clusters(tokens, 3).labels.reshape(3, 4)
    assert (labels == labels[:, :1]).all()
    assert len(set(labels[:, 0].tolist())) == 3


def test_alike_tokens_are_part_0_and_no_parts_is_refused():
    assert pca_labels(torch.ones(4, 3), 5).tolist() == [0] * 4
    with pytest.raises(UsageError, match="0 parts"):
        part_grids(torch.ones(1, 1, 1, 2), torch.ones(1, 1, 1, dtype=torch.bool), parts=0)


def test_pixels_have_the_part_of_their_patch_inside_the_mask_alone():
    grids = torch.tensor([[[0, 2], [-1, 1]]])
    mask = torch.ones(1, 4, 4, dtype=torch.bool)
    mask[0, 0] = False
    wanted = [[-1] * 4, [0, 0, 2, 2], [-1, -1, 1, 1], [-1, -1, 1, 1]]
    assert part_pixels(grids, mask).tolist() == [wanted]
