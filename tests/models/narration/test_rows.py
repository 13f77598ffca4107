from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from tests.models.narration.golden import LAYOUTS, golden_records, golden_tokenizer

from seewhy.base.errors import UsageError
from seewhy.data.narration.records import NO_REGIONS, NarrationRecord, Regions, Vote
from seewhy.models.narration.layouts import ROW_LAYOUTS, RowLayout, row_layout
from seewhy.models.narration.rows import RowMaker, caption_row, with_concepts
from seewhy.models.narration.samples import PublishedSamples, samples
from seewhy.models.narration.tokens import END, NO_OBJECT, PAD, WordTokenizer

CASES = [(name, variant) for name in LAYOUTS for variant in ("word", "gpt2")]
WORDS = WordTokenizer(())


def published(name, variant):
    return RowMaker(
        golden_tokenizer(variant), row_layout(name), cut="published", published_noobject=True
    )


def assert_is_stored(row, stored, tokenizer):
    assert row.id == str(stored["id"])
    assert list(row.tokens) == stored["tokens"]
    assert len(row) == stored["n"]
    if "labels" in stored:
        labels = zip(row.tokens, row.is_target, strict=True)
        assert [token if is_target else None for token, is_target in labels] == stored["labels"]
    else:
        assert not any(row.is_target)
    assert (None if row.segments is None else list(row.segments)) == stored.get("segments")
    assert (None if row.objects is None else list(row.objects)) == stored.get("box_tokens")
    if "boxes" in stored:
        assert_allclose(row.boxes, stored["boxes"], atol=1e-5)
    else:
        assert row.boxes is None
    if "ids" in stored:
        assert tokenizer.ids(row.tokens) == stored["ids"]


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_published_rows_are_the_stored_ones(name, variant, tmp_path):
    maker = published(name, variant)
    source = PublishedSamples(golden_records(name, "train", tmp_path))
    epochs = [source.epoch(), source.epoch()]
    for stored in LAYOUTS[name][f"train_{variant}"]:
        sample = epochs[stored["pass"]][stored["item"]]
        row = maker.training_row(sample.record, sample.explanation)
        padded = row.padded(LAYOUTS[name]["max_seq_len"])
        assert_is_stored(padded, stored, maker.tokenizer)
    for record, stored in zip(
        golden_records(name, "eval", tmp_path), LAYOUTS[name][f"eval_{variant}"], strict=True
    ):
        assert_is_stored(maker.prompt(record), stored, maker.tokenizer)


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_mended_rows_are_the_same_where_nothing_is_too_long(name, variant, tmp_path):
    theirs = published(name, variant)
    ours = replace(theirs, cut="mended", published_noobject=False)
    for record, explanation in (
        (sample.record, sample.explanation)
        for sample in samples(golden_records(name, "train", tmp_path))
    ):
        row, other = (maker.training_row(record, explanation) for maker in (ours, theirs))
        assert (row.tokens, row.is_target, row.segments) == (
            other.tokens, other.is_target, other.segments,
        )  # fmt: skip
        if name == "vcr":
            assert row.objects == tuple(
                NO_OBJECT if token == END else token for token in other.objects
            )
        if variant == "gpt2":
            assert row.boxes == other.boxes


def test_the_box_of_a_name_that_is_one_word_is_found_as_well(tmp_path):
    (record,) = golden_records("vcr", "train", tmp_path)
    row = replace(published("vcr", "word"), cut="mended").prompt(record)
    boxes = dict(zip(row.tokens, row.boxes, strict=True))
    objects = [box for token, box in zip(row.tokens, row.boxes, strict=True) if token == "Ġperson"]
    assert (boxes["Ġperson0"], boxes["Ġperson2"]) == tuple(objects)
    assert boxes["Ġpointing"] == (0.0,) * 8


def seen(question, objects=("cat", "dog")):
    boxes = tuple((float(k), 0.0, float(k) + 1, 1.0, 1.0) for k, _ in enumerate(objects))
    return NarrationRecord(
        "1", "vcr", ("a.png",), question, (Vote("yes"),), ("it is",), Regions(objects, boxes, 9, 9)
    )


@pytest.mark.parametrize(
    ("question", "cut", "places"),
    [
        ("is cat0 here", "mended", [1]),
        ("is cat0, or dog1? here", "mended", [1, 3]),
        ("is cat1 here", "mended", []),
        ("is cat7 here", "mended", []),
        ("is 1 here", "mended", []),
        ("is 007cat here", "mended", []),
        ("1 or 2", "published", [0]),
        ("0 or 99999999999999999999", "published", [0]),
    ],
)
def test_a_number_refers_to_an_object_that_is_there_or_to_none(question, cut, places):
    maker = RowMaker(WORDS, row_layout("vcr"), cut=cut)
    record = seen(question)
    row = maker.prompt(record)
    start = len(record.regions.objects)
    found = [place - start for place, box in enumerate(row.boxes) if any(box) and place >= start]
    assert found == places


def test_names_of_objects_are_cut_as_published_or_left_out_whole(tmp_path):
    tokenizer = golden_tokenizer("gpt2")
    objects = ("person", *("diningtable",) * 10)
    record = seen("why is person0 pointing", objects)
    rows = [
        RowMaker(tokenizer, row_layout("vcr"), cut=cut).prompt(record)
        for cut in ("published", "mended")
    ]
    assert [row.segments.count("<objects>") for row in rows] == [20, 19]
    assert rows[0].tokens[:19] == rows[1].tokens[:19]
    assert rows[0].tokens[19] == "Ġdining"


lengths = st.tuples(st.integers(0, 12), st.integers(1, 6), st.integers(0, 12), st.integers(9, 30))


def asked(question, answer):
    return NarrationRecord("1", "uninlx", ("a.png",), question, (Vote(answer),), ())


@given(lengths)
def test_mended_rows_lose_the_question_first_and_never_their_end(counts):
    question, answer, reason, longest = counts
    record = asked(" ".join("q" * question), " ".join("a" * answer))
    layout = RowLayout(longest, question="as stored")
    row = RowMaker(WORDS, layout).training_row(record, " ".join("r" * reason))
    whole = question + 1 + 3 + answer + 1 + reason + 1
    left = [row.segments.count(name) for name in ("<question>", "<answer>", "<explanation>")]
    lost = max(whole - longest, 0)
    lost_of_reason = max(min(lost - question, 1 + reason), 0)
    assert len(row) == min(whole, longest)
    assert row.tokens[-1] == END
    assert row.is_target[-1]
    assert left == [
        max(question - lost, 0),
        4 + answer - max(lost - question - 1 - reason, 0),
        2 + reason - lost_of_reason,
    ]


@given(lengths)
def test_published_rows_are_cut_at_their_end(counts):
    question, answer, reason, longest = counts
    record = asked(" ".join("q" * question), " ".join("a" * answer))
    make = [
        RowMaker(WORDS, RowLayout(limit, question="as stored"), cut="published")
        for limit in (longest, 1000)
    ]
    row, whole = (maker.training_row(record, " ".join("r" * reason)) for maker in make)
    assert row.tokens == whole.tokens[:longest]
    assert row.is_target == whole.is_target[:longest]


def test_prompts_are_the_beginning_of_the_row():
    for layout in (RowLayout(40), RowLayout(40, question="none", lead="the answer is")):
        maker = RowMaker(WORDS, layout)
        record = asked("what is it", "a cat")
        row, prompt = maker.training_row(record, "so"), maker.prompt(record)
        assert row.tokens[: len(prompt)] == prompt.tokens
        assert row.segments[: len(prompt)] == prompt.segments
        assert not any(prompt.is_target)
    short = RowMaker(WORDS, RowLayout(6)).prompt(asked("one two three four", "a"))
    assert short.tokens == ("one", "Ġtwo", END, "Ġthe", "Ġanswer", "Ġis")


def test_what_cannot_be_a_row_is_refused():
    record = asked("what", "cat")
    with pytest.raises(UsageError, match="4 are needed"):
        RowMaker(WORDS, RowLayout(1)).prompt(replace(record, question=""))
    with pytest.raises(UsageError, match="'1' has no question"):
        RowMaker(WORDS, RowLayout(40)).prompt(replace(record, question=None))
    with pytest.raises(UsageError, match="'1' has no answer"):
        RowMaker(WORDS, RowLayout(40)).training_row(replace(record, votes=()), "so")
    with pytest.raises(UsageError, match="no objects with boxes"):
        RowMaker(WORDS, row_layout("vcr"), cut="published").prompt(record)
    with pytest.raises(UsageError, match=r"no row layout 'vqa'.*vqax, act"):
        row_layout("vqa")
    with pytest.raises(UsageError, match="2 are too few"):
        caption_row("a b", WORDS, id_="1").padded(2)


def test_who_names_no_objects_has_none():
    record = asked("what", "cat")
    rows = RowMaker(WORDS, row_layout("vcr"))
    assert rows.prompt(record) == rows.prompt(replace(record, regions=NO_REGIONS))


def test_concepts_go_before_a_row_without_segments():
    row = RowMaker(WORDS, ROW_LAYOUTS["concepts"]).training_row(asked("a man", "neutral"), "so")
    before = with_concepts(row, ["tennis_court", "man"], WORDS)
    assert before.tokens == ("Ġtennis", "Ġcourt", "Ġman", *row.tokens)
    assert before.is_target == (False, False, False, *row.is_target)
    assert len(with_concepts(row, ["a_b"] * 20, WORDS)) == 20 + len(row)
    assert with_concepts(row, [], WORDS) == row
    with pytest.raises(UsageError, match="without segments"):
        with_concepts(RowMaker(WORDS, RowLayout(40)).prompt(asked("a", "b")), ["x"], WORDS)


def test_a_caption_stands_between_two_ends_and_is_learnt_whole():
    row = caption_row("a cat sits", WORDS, id_="7", longest=4)
    assert row.tokens == (END, "a", "Ġcat", END)
    assert all(row.is_target)
    assert row.segments is None
    assert row.padded(6).tokens[4:] == (PAD, PAD)
    assert row.padded(6).is_target == (True,) * 4 + (False,) * 2
