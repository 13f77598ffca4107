from collections import Counter

import pytest
import torch
from tests.training.editing.small import WRITER, regions_of

from seewhy.data.editing.corruption import CorruptionRates
from seewhy.data.editing.facts import facts_of
from seewhy.data.editing.records import EditRecord
from seewhy.training.editing.examples import DrawnExamples, RecordExamples

FACTS = facts_of("train")[:7]


def same(one, other):
    return torch.equal(one.inputs.captions, other.inputs.captions) and one.keys == other.keys


def drawn(**values):
    return DrawnExamples(FACTS, regions_of(7), WRITER, 5, **values)


def test_a_drawn_batch_depends_on_seed_and_number_alone():
    assert same(drawn(seed=3).batch(8), drawn(seed=3).batch(8))
    assert not same(drawn(seed=3).batch(8), drawn(seed=3).batch(9))
    assert not same(drawn(seed=3).batch(8), drawn(seed=4).batch(8))
    assert drawn().epoch is None


def test_clean_captions_are_the_truths_and_images_are_their_own():
    examples = drawn(rates=CorruptionRates(corrupted=0.0))
    batch = examples.batch(0)
    decoded = [WRITER.vocabulary.decode(row) for row in batch.inputs.captions.tolist()]
    assert tuple(decoded) == batch.keys
    assert [WRITER.vocabulary.decode(row) for row in batch.targets.tolist()] == decoded
    places = [[each.words for each in FACTS].index(key) for key in batch.keys]
    assert torch.equal(batch.inputs.regions, regions_of(7)(places).regions)


def test_faults_are_fresh_in_every_batch():
    pairs = set()
    for number in range(20):
        batch = drawn().batch(number)
        pairs |= set(zip(map(tuple, batch.inputs.captions.tolist()), batch.keys, strict=True))
    assert len(pairs) > 50


RECORDS = tuple(
    EditRecord(str(place), ("red", "star"), tuple(("a", word) for word in words))
    for place, words in enumerate([("red",), ("blue", "green"), ("white", "cyan")])
)


@pytest.mark.parametrize("size", [2, 5, 9])
def test_every_pair_comes_once_in_an_epoch(size):
    examples = RecordExamples(RECORDS, regions_of(3), WRITER, size, seed=1)
    epochs = []
    for epoch in range(2):
        numbers = range(int(epoch * examples.epoch), int((epoch + 1) * examples.epoch))
        rows = [row for number in numbers for row in examples.batch(number).targets.tolist()]
        epochs.append([WRITER.vocabulary.decode(row) for row in rows])
    wanted = Counter(truth for record in RECORDS for truth in record.truths)
    assert Counter(epochs[0]) == Counter(epochs[1]) == wanted
    assert epochs[0] != epochs[1]


def test_all_truths_are_references_and_records_tell_them_apart():
    examples = RecordExamples(RECORDS, regions_of(3), WRITER, 5)
    batch = examples.batch(0)
    for key, references in zip(batch.keys, batch.references, strict=True):
        assert references == WRITER.references(RECORDS[key].truths)
