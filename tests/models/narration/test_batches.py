import pytest
import torch
from tests.models.narration.golden import golden_records, golden_tokenizer
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.narration.batches import IGNORED, prompt_batch, training_batch
from seewhy.models.narration.layouts import row_layout
from seewhy.models.narration.rows import RowMaker, caption_row


@pytest.fixture
def rows(tmp_path):
    maker = RowMaker(golden_tokenizer("gpt2"), row_layout("vqax"))
    records = golden_records("vqax", "train", tmp_path)
    return [maker.training_row(record, record.explanations[0]) for record in records]


def test_training_rows_are_padded_on_the_right_and_padding_is_not_learnt(rows):
    tokenizer = golden_tokenizer("gpt2")
    batch = training_batch(rows, tokenizer, length=40)
    assert batch.ids.shape == (2, 40)
    for row, ids, labels, mask in zip(rows, batch.ids, batch.labels, batch.mask, strict=True):
        assert ids[: len(row)].tolist() == tokenizer.ids(row.tokens)
        assert set(ids[len(row) :].tolist()) == {50257}
        assert mask.tolist() == [True] * len(row) + [False] * (40 - len(row))
        start = row.is_target.index(True)
        assert (labels[:start] == IGNORED).all()
        assert (labels[len(row) :] == IGNORED).all()
        assert_close(labels[start : len(row)], ids[start : len(row)])
    assert batch.positions[0].tolist() == list(range(40))
    assert (batch.boxes, batch.objects) == (None, None)


def test_prompts_end_together_and_count_from_their_first_token(rows):
    tokenizer = golden_tokenizer("gpt2")
    batch = prompt_batch(rows, tokenizer)
    longest = max(map(len, rows))
    for row, ids, positions, mask, segments in zip(
        rows, batch.ids, batch.positions, batch.mask, batch.segments, strict=True
    ):
        assert ids[mask].tolist() == tokenizer.ids(row.tokens)
        assert segments[mask].tolist() == tokenizer.ids(row.segments)
        assert positions[mask].tolist() == list(range(len(row)))
        assert positions[~mask].tolist() == [0] * (longest - len(row))
        assert mask[-len(row) :].all()


def test_boxes_move_with_their_tokens(tmp_path):
    tokenizer = golden_tokenizer("gpt2")
    maker = RowMaker(tokenizer, row_layout("vcr"))
    (record,) = golden_records("vcr", "train", tmp_path)
    rows = [maker.prompt(record), maker.training_row(record, record.explanations[0])]
    batch = prompt_batch(rows, tokenizer)
    for row, mask, boxes, objects in zip(rows, batch.mask, batch.boxes, batch.objects, strict=True):
        assert_close(boxes[mask], torch.tensor(row.boxes))
        assert (boxes[~mask] == 0).all()
        assert objects[mask].tolist() == tokenizer.ids(row.objects)
        assert set(objects[~mask].tolist()) <= set(tokenizer.ids(["<noobject>"]))


def test_rows_without_segments_make_a_batch_without(tmp_path):
    tokenizer = golden_tokenizer("word")
    row = caption_row("the ball", tokenizer, id_="1")
    batch = training_batch([row], tokenizer)
    assert batch.segments is None
    assert_close(batch.labels, batch.ids)


def test_rows_of_two_layouts_and_no_rows_are_refused(rows):
    tokenizer = golden_tokenizer("gpt2")
    with pytest.raises(UsageError, match="one layout"):
        training_batch([*rows, caption_row("the", tokenizer, id_="1")], tokenizer)
    with pytest.raises(UsageError, match="at least one row"):
        training_batch([], tokenizer)
