from seewhy.data.narration.records import NarrationRecord
from seewhy.models.narration.samples import PublishedSamples, samples


def record(id_, *explanations):
    return NarrationRecord(id_, "vqaX", ("a.png",), "q", (), explanations)


RECORDS = [record("a", "1", "2", "3"), record("b", "4"), record("c"), record("d", "5", "6")]


def told(found):
    return [(sample.record.id, sample.explanation) for sample in found]


def test_every_reason_is_shown_once():
    assert told(samples(RECORDS)) == [
        ("a", "1"), ("a", "2"), ("a", "3"), ("b", "4"), ("d", "5"), ("d", "6"),
    ]  # fmt: skip


def test_the_published_order_shows_the_first_reason_alone_from_its_second_epoch():
    source = PublishedSamples(RECORDS)
    assert told(source.epoch()) == [
        ("a", "3"), ("b", "4"), ("d", "6"), ("a", "2"), ("a", "1"), ("d", "5"),
    ]  # fmt: skip
    for _ in range(3):
        assert told(source.epoch()) == [
            ("a", "1"), ("b", "4"), ("d", "5"), ("a", "1"), ("a", "1"), ("d", "5"),
        ]  # fmt: skip
