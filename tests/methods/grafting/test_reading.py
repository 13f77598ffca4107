import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.grafting.reading import (
    UNKNOWN,
    CaptionTable,
    count_winners,
    influence,
    read_values,
    readable,
)

TABLE = CaptionTable.listed(
    {
        "shape": {"five": ["a five", "the number five"], "eight": ["an eight"]},
        "colour": {"red": ["a red digit"], "green": ["a green digit"]},
    }
)


def test_the_table_lists_captions_in_order():
    assert TABLE.captions == (
        "a five",
        "the number five",
        "an eight",
        "a red digit",
        "a green digit",
    )
    assert TABLE.groups == ("shape", "colour")
    assert TABLE.values == (("five", "eight"), ("red", "green"))
    assert TABLE.group_of.tolist() == [0, 0, 0, 1, 1]
    assert TABLE.value_of.tolist() == [0, 0, 1, 0, 1]


def test_right_values_are_looked_up_by_name():
    known = [{"shape": "eight", "colour": "red", "id": "x"}, {"colour": "green"}, {}]
    assert TABLE.right_values(known).tolist() == [[1, 0], [UNKNOWN, 1], [UNKNOWN, UNKNOWN]]
    assert TABLE.right_values([]).shape == (0, 2)


def test_a_value_that_the_group_lacks_is_refused():
    with pytest.raises(UsageError, match=r"'colour' has no value 'blue'.*red, green"):
        TABLE.right_values([{"colour": "blue"}])


def test_influence_is_after_all_minus_before_any():
    similarities = torch.tensor([[[0.1, 0.4], [9.0, 9.0], [0.3, 0.1]]])
    assert_close(influence(similarities), torch.tensor([[0.2, -0.3]]))


def test_each_image_is_counted_for_its_winner():
    scores = torch.tensor(
        [
            [0.0, 0.9, 0.1, 0.2, 0.3],  # shape, five
            [0.0, 0.1, 0.9, 0.2, 0.3],  # shape, eight
            [0.0, 0.1, 0.2, 0.9, 0.3],  # colour, red
            [0.0, 0.1, 0.2, 0.3, 0.9],  # colour, green
            [0.0, 0.1, 0.2, 0.3, 0.9],  # colour, green
        ]
    )
    right = torch.tensor([[0, 1], [0, 1], [0, 0], [0, 0], [1, UNKNOWN]])
    counts = count_winners(scores, TABLE, right)
    assert counts.correct.tolist() == [1, 1]
    assert counts.wrong.tolist() == [1, 1]
    assert counts.unknown.tolist() == [0, 1]
    assert_close(counts.shares, torch.tensor([0.4, 0.6], dtype=torch.float64))


@settings(deadline=None)
@given(images=integers(1, 20), seed=integers(0, 999))
def test_every_image_is_counted_once(images, seed):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(images, 5, generator=generator)
    right = torch.randint(-1, 2, (images, 2), generator=generator)
    counts = count_winners(scores, TABLE, right)
    assert (counts.correct + counts.wrong + counts.unknown).sum() == images
    assert counts.shares.sum().item() == pytest.approx(1)


def test_no_images_give_no_shares():
    counts = count_winners(torch.zeros(0, 5), TABLE, torch.zeros(0, 2, dtype=torch.int64))
    assert counts.correct.tolist() == [0, 0]
    assert counts.shares.isnan().all()


def test_ties_go_to_the_first_caption():
    counts = count_winners(torch.zeros(1, 5), TABLE, torch.tensor([[0, 0]]))
    assert counts.correct.tolist() == [1, 0]


def test_values_are_read_within_their_group_at_each_depth():
    similarities = torch.tensor(
        [
            [[0.1, 0.5, 0.4, 0.9, 0.8], [0.1, 0.2, 0.4, 0.7, 0.8]],
            [[0.5, 0.1, 0.6, 0.0, 0.1], [0.5, 0.1, 0.4, 0.2, 0.1]],
        ]
    )
    values = read_values(similarities, TABLE)
    assert values.tolist() == [[[0, 0], [1, 1]], [[1, 1], [0, 0]]]
    right = torch.tensor([[0, UNKNOWN], [0, 1]])
    assert readable(values, right).tolist() == [[0.5, 1.0], [0.5, 0.0]]


def test_what_is_never_known_is_nan():
    values = torch.zeros(2, 3, 2, dtype=torch.int64)
    shares = readable(values, torch.tensor([[0, UNKNOWN], [1, UNKNOWN]]))
    assert shares[:, 0].tolist() == [0.5, 0.5, 0.5]
    assert shares[:, 1].isnan().all()
