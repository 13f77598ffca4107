import logging
from dataclasses import replace

import pytest
import torch
from tests.training.narration.small import drawn_examples, small_narrator
from torch.testing import assert_close

from seewhy.base.errors import DataError
from seewhy.models.narration.batches import IGNORED
from seewhy.training.narration.batches import PARTS, BatchMaker, batches
from seewhy.training.narration.examples import ExampleMaker


@pytest.fixture(scope="module")
def narrator():
    return small_narrator()


@pytest.fixture(scope="module")
def examples(narrator):
    return drawn_examples(ExampleMaker(narrator.rows))


@pytest.fixture(scope="module")
def maker(narrator):
    return BatchMaker(narrator.tokenizer, narrator.config.preprocessing)


def unreadable():
    raise DataError("corrupt", "this image is damaged")


def test_parts_stand_where_targets_are(maker, examples):
    batch = maker.batch(examples.batch(0))
    assert ((batch.parts > 0) == (batch.rows.labels != IGNORED)).all()
    assert batch.images.shape == (8, 3, 16, 16)
    for row, example in enumerate(examples.batch(0)):
        codes = batch.parts[row, : len(example.parts)].tolist()
        assert [PARTS[code - 1] if code else "none" for code in codes] == list(example.parts)


def test_rows_of_unreadable_images_are_left_out(maker, examples, caplog):
    found = examples.batch(0)
    damaged = [replace(found[0], read=unreadable), *found[1:]]
    with caplog.at_level(logging.WARNING):
        batch = maker.batch(damaged)
    assert "is left out: this image is damaged" in caplog.text
    assert_close(batch.images, maker.batch(found).images[1:])
    assert len(batch.rows.ids) == len(found) - 1


def test_a_batch_without_any_image_is_an_error(maker, examples):
    damaged = [replace(each, read=unreadable) for each in examples.batch(0)]
    with pytest.raises(DataError, match="none of the 8 images"):
        maker.batch(damaged)


def test_processes_change_nothing_in_the_batches(maker, examples):
    state = torch.random.get_rng_state()
    here = list(batches(examples, maker, [4, 1]))
    there = list(batches(examples, maker, [4, 1], workers=1))
    for first, second in zip(here, there, strict=True):
        assert_close(first.images, second.images, rtol=0, atol=0)
        assert first.rows.ids.equal(second.rows.ids)
        assert first.parts.equal(second.parts)
    assert state.equal(torch.random.get_rng_state())


def test_a_batch_goes_to_a_device_as_a_whole(maker, examples):
    batch = maker.batch(examples.batch(0))
    assert batch.to(torch.device("cpu")) is batch
    moved = batch.to(torch.device("meta"))
    tensors = [*vars(moved.rows).values(), moved.parts, moved.images]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
