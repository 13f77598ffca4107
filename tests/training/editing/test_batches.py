import torch
from tests.training.editing.small import WRITER, regions_of

from seewhy.models.editing.features import ImageFeatures
from seewhy.training.editing.batches import EditBatch, KeptRegions, ReadRegions, Writer

WORDS = WRITER.vocabulary


def test_captions_lie_side_by_side_and_nothing_is_one_unknown_word():
    regions = regions_of(3)([0, 1, 2])
    found = WRITER.inputs([("red", "star"), (), ("dog",)], regions)
    red, star = WORDS.encode(["red", "star"])
    unknown = WORDS.unknown
    assert found.captions.tolist() == [[red, star], [unknown, 0], [unknown, 0]]
    assert found.lengths.tolist() == [2, 1, 1]
    assert found.counts.tolist() == [1, 2, 3]


def test_targets_go_from_start_to_end_and_long_ones_are_cut():
    writer = Writer(WORDS, 2)
    a, red, star = WORDS.encode(["a", "red", "star"])
    found = writer.targets([("a", "red", "star"), ("star",)])
    assert found.tolist() == [[WORDS.start, a, red, WORDS.end], [WORDS.start, star, WORDS.end, 0]]
    # A reward knows all of the truth.
    assert writer.references([("a", "red", "star")]) == ((a, red, star, 0),)


def test_kept_and_read_regions_are_the_same():
    features = [ImageFeatures(torch.full((1 + place, 2), float(place))) for place in range(3)]
    kept = KeptRegions.of(features)
    read = ReadRegions(dict(zip("abc", features, strict=True)).__getitem__, "abc")
    assert len(kept) == len(read) == 3
    for places in ([2, 0], [1]):
        for one, other in zip(kept(places), read(places), strict=True):
            width = other.shape[1] if other.ndim > 1 else None
            assert torch.equal(one if width is None else one[:, :width], other)


def test_a_batch_moves_as_a_whole():
    inputs = WRITER.inputs([("red",)], regions_of(1)([0]))
    batch = EditBatch(inputs, WRITER.targets([("red",)]), (((1, 0),),), ("key",))
    moved = batch.to(torch.device("meta"))
    assert len(batch) == 1
    assert moved.targets.is_meta
    assert moved.inputs.captions.is_meta
    assert moved.keys == ("key",)
