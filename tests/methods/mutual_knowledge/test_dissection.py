import pytest
import torch
from tests.methods.mutual_knowledge.golden import arrays
from torch.nn.functional import normalize
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.dissection import (
    dissect_classes,
    nearest_concepts,
    similar_classes,
)


@pytest.fixture(scope="module")
def stored():
    return {name: torch.from_numpy(array) for name, array in arrays("language_mutual").items()}


def test_the_stored_dissection_comes_back(stored):
    found = dissect_classes(stored["class_weight"], stored["concept_weight"])
    assert_close(found, stored["dissection"], rtol=0, atol=1e-5)


def test_the_stored_nearest_concepts_come_back(stored):
    found = nearest_concepts(
        dissect_classes(stored["class_weight"], stored["concept_weight"]),
        count=int(stored["topk_w"]),
    )
    assert torch.equal(found.ids, stored["top_ids"])
    assert_close(found.similarities, stored["top_values"], rtol=0, atol=1e-5)


def test_among_equals_the_lower_id_comes_first():
    row = torch.zeros(1, 500)
    row[0, 7] = row[0, 400] = 1
    found = nearest_concepts(row, count=4)
    assert found.ids.tolist() == [[7, 400, 0, 1]]
    assert found.similarities.tolist() == [[1, 1, 0, 0]]


def test_a_small_bank_gives_all_it_has():
    assert nearest_concepts(torch.tensor([[0.1, 0.3, 0.2]]), count=50).ids.tolist() == [[1, 2, 0]]


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_below_one_is_refused(count):
    with pytest.raises(UsageError, match=f"{count} concepts per class"):
        nearest_concepts(torch.zeros(1, 3), count=count)


def test_rows_and_columns_keep_their_order():
    classes = normalize(torch.randn(5, 8, generator=torch.Generator().manual_seed(1)), dim=1)
    concepts = normalize(torch.randn(9, 8, generator=torch.Generator().manual_seed(2)), dim=1)
    whole = dissect_classes(classes, concepts)
    assert_close(dissect_classes(classes[3:4], concepts), whole[3:4])
    for row, one in enumerate(classes):
        for column, other in enumerate(concepts):
            assert_close(whole[row, column], torch.cosine_similarity(one, other, dim=0))


def test_the_classes_nearest_to_a_class_leave_out_itself():
    angles = torch.tensor([0.0, 10, 35, 90]).deg2rad()
    classes = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert similar_classes(classes).tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert similar_classes(classes[:2]).tolist() == [[1], [0]]


def test_a_class_alone_has_no_similar_ones():
    with pytest.raises(UsageError, match="one class"):
        similar_classes(torch.ones(1, 1))
