import pytest
import torch
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.unit_naming.scoring import (
    LEAST_IMAGES,
    SIMILARITIES,
    scores_in_order,
    top_images,
    true_order,
)

GENERATOR = torch.Generator().manual_seed(0)
ACTIVATIONS = torch.rand(200, 3, generator=GENERATOR)
TEXTS = torch.rand(200, 4, generator=GENERATOR)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("protocol", ["mended", "published"])
def test_an_order_is_the_same_as_moving_the_images(similarity, protocol):
    order = torch.randperm(200, generator=torch.Generator().manual_seed(3))
    settings = {"similarity": similarity, "protocol": protocol}
    found = scores_in_order(ACTIVATIONS, TEXTS, **settings)(order)
    moved = scores_in_order(ACTIVATIONS, TEXTS[order], **settings)(true_order(200))
    assert_close(found, moved)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_unit_that_is_a_text_is_nearest_to_it(similarity):
    scores = scores_in_order(TEXTS, TEXTS, similarity=similarity)(true_order(200))
    assert scores.argmax(dim=1).tolist() == [0, 1, 2, 3]


def test_how_many_images_count():
    assert top_images(5000, "mended") == top_images(5000, "published") == 100
    assert top_images(120, "mended") == 12
    with pytest.raises(UsageError, match="looks at 100 images"):
        top_images(99, "published")


def test_too_few_images_are_refused():
    few = LEAST_IMAGES - 1
    with pytest.raises(UsageError, match="give at least 20"):
        scores_in_order(ACTIVATIONS[:few], TEXTS[:few])
