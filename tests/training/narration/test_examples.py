import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.narration.golden import golden_records
from tests.training.narration.small import drawn_examples

from seewhy.base.errors import UsageError
from seewhy.data.narration.drawn.dataset import DRAWN_TASKS
from seewhy.data.narration.records import NarrationRecord, Vote
from seewhy.models.narration.layouts import row_layout
from seewhy.models.narration.rows import RowMaker
from seewhy.models.narration.tokens import END, EXPLANATION, NO_OBJECT, build_word_tokenizer
from seewhy.training.narration.examples import (
    ExampleMaker,
    _due,
    file_examples,
    training_samples,
)
from seewhy.training.narration.presets import TINY

WORDS = build_word_tokenizer([" the answer is because"])


def no_image():
    raise AssertionError("rows do not need images")


def record(task="vqaX", **values):
    told = {"question": "is it red", "votes": (Vote("dark red"),), "explanations": ("i see it",)}
    return NarrationRecord("7", task, ("7.jpg",), **{**told, "read": no_image, **values})


def maker(layout="vqax", **values):
    return ExampleMaker(RowMaker(WORDS, row_layout(layout)), **values)


@pytest.fixture(scope="module")
def tiny():
    return ExampleMaker(RowMaker(WORDS, TINY.layout))


def told(example):
    found = {}
    for token, part in zip(example.row.tokens, example.parts, strict=True):
        found.setdefault(part, []).append(token)
    return {part: "".join(tokens) for part, tokens in found.items()}


@pytest.mark.parametrize(
    ("layout", "before"), [("vqax", "isĠitĠred"), ("uninlx", "isĠitĠred"), ("act", "")]
)
def test_each_target_belongs_to_a_part(layout, before):
    assert told(maker(layout).example(record(), "i see it")) == {
        "none": before + END,
        "lead": ("" if layout == "act" else "Ġ") + "theĠanswerĠis",
        "answer": "ĠdarkĠred",
        "reason": f"ĠbecauseĠiĠseeĠit{END}",
    }


def test_parts_of_the_published_rows_without_segments(tmp_path):
    rows = ExampleMaker(RowMaker(WORDS, row_layout("concepts")))
    for each in golden_records("concepts", "train", tmp_path):
        found = told(rows.example(each, each.explanations[0]))
        assert found["lead"] == "ĠtheĠanswerĠis"
        assert found["answer"] == f"Ġ{each.votes[0].text}"


def test_without_a_reason_the_row_ends_behind_the_answer(tiny):
    for each in (maker(), tiny):
        example = each.example(record(explanations=()), "")
        assert told(example) == {
            "none": f"isĠitĠred{END}", "lead": "ĠtheĠanswerĠis", "answer": f"ĠdarkĠred{END}",
        }  # fmt: skip
        lengths = {len(value) for value in vars(example.row).values() if isinstance(value, tuple)}
        assert lengths == {len(example.row)}


def test_captions_beside_questions_look_like_their_reasons(tiny):
    caption = record("captions", question=None, votes=())
    example = tiny.example(caption, "a red thing")
    assert told(example) == {"caption": f"{END}aĠredĠthing{END}"}
    assert set(example.row.segments) == {EXPLANATION}
    assert set(example.row.objects) == {NO_OBJECT}
    assert maker(is_mixed=False).example(caption, "a red thing").row.segments is None
    assert tiny.prompt(caption).tokens == (END,)
    assert len(maker(is_mixed=False).example(caption, "so " * 90).row) == 40


def test_records_without_objects_go_with_those_that_have_some(tiny):
    rows = [each.row for each in drawn_examples(tiny, tasks=("vqaX", "vcr"), captions=0.5).batch(3)]
    assert all(row.segments and row.boxes and row.objects for row in rows)
    assert {any(sum(box) for box in row.boxes) for row in rows} == {True, False}
    assert tiny.prompt(record()).tokens[-3:] == ("Ġthe", "Ġanswer", "Ġis")


def test_a_record_without_an_image_is_refused(tiny):
    with pytest.raises(UsageError, match="no image"):
        tiny.example(record(read=None), "i see it")


def test_drawn_batches_depend_on_seed_and_number_alone(tiny):
    first, again = (drawn_examples(tiny, seed=5) for _ in range(2))
    assert first.batch(2)[0].row == again.batch(2)[0].row
    texts = {tuple(each.row.tokens for each in first.batch(number)) for number in range(4)}
    texts.add(tuple(each.row.tokens for each in drawn_examples(tiny, seed=6).batch(2)))
    assert len(texts) == 5
    pictures = [again.batch(1)[-1].read().tobytes() for _ in range(2)]
    assert pictures[0] == pictures[1]
    assert first.epoch is None


def test_easy_kinds_of_question_come_less_often(tiny):
    def kinds(**shares):
        examples = drawn_examples(tiny, size=40, tasks=("vqaX",), captions=0.0, **shares)
        rows = ["".join(each.row.tokens) for number in range(4) for each in examples.batch(number)]
        return len(rows), sum("colour" in row.split("answer")[0] for row in rows)

    (size, usual), (_, fewer), (_, none) = kinds(), kinds(colour=0.3), kinds(colour=0.0)
    assert size == 160
    assert none == 0 < fewer < 0.6 * usual
    assert kinds(colour=0.0, settled=4)[1] == usual
    assert 0 < kinds(colour=0.0, settled=2)[1] < usual


def test_drawn_tasks_come_in_turn_over_batches(tiny):
    examples = drawn_examples(tiny, size=8, captions=0.25)
    counts = dict.fromkeys(DRAWN_TASKS, 0)
    for number in range(7):
        for each in examples.batch(number)[2:]:
            counts[each.row.id.split("-")[0]] += 1
    assert set(counts.values()) == {6}


@settings(max_examples=50)
@given(st.floats(0, 1), st.integers(1, 64), st.integers(1, 40))
def test_the_share_of_captions_is_kept_over_batches(share, size, batches):
    due = [_due(share, size, number) for number in range(batches)]
    assert 0 <= min(due) <= max(due) <= size
    assert abs(sum(due) - share * size * batches) < 1 + 1e-6


def samples_of(**counts):
    return {
        task: training_samples(
            [record(task, explanations=tuple(f"{task} {place}" for place in range(count)))]
        )
        for task, count in counts.items()
    }


def test_files_are_mixed_with_a_share_of_captions(tiny):
    files = file_examples(
        tiny, samples_of(vqaX=6, actX=2, captions=3), size=8, captions=0.5, alpha=0.0, seed=1
    )
    assert files.maker.is_mixed
    assert files.epoch == 8 / 4
    rows = [each for number in range(4) for each in files.batch(number)]
    captions = [each for each in rows if "caption" in each.parts]
    assert len(captions) == 16
    asked = [" ".join(each.row.tokens) for each in rows if "caption" not in each.parts]
    assert [sum(task in text for text in asked) for task in ("vqaX", "actX")] == [8, 8]
    assert files.batch(1) == files.batch(1)


def test_captions_alone_fill_the_batch_in_their_published_rows(tiny):
    files = file_examples(tiny, samples_of(captions=3), size=2, captions=0.25, alpha=1.0, seed=0)
    assert files.epoch == 1.5
    assert [each.row.segments for each in files.batch(0)] == [None, None]


def test_without_captions_questions_fill_the_batch(tiny):
    files = file_examples(tiny, samples_of(vqaX=3), size=2, captions=0.25, alpha=1.0, seed=0)
    assert [set(each.parts) & {"caption"} for each in files.batch(0)] == [set(), set()]
    assert files.epoch == 1.5


def test_nothing_to_learn_is_refused(tiny):
    with pytest.raises(UsageError, match="no record"):
        file_examples(tiny, {"vqaX": ()}, size=2, captions=0.0, alpha=1.0, seed=0)


def test_samples_are_records_with_each_reason_or_an_answer_alone():
    records = [
        record(explanations=("a", "b")),
        record(explanations=()),
        record(explanations=(), votes=()),
    ]
    assert [each.explanation for each in training_samples(records)] == ["a", "b", ""]
