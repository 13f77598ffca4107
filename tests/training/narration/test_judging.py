import pytest
from tests.training.narration.small import SMALL, small_narrator

from seewhy.base.errors import DataError
from seewhy.data.narration.records import NarrationRecord, Vote
from seewhy.models.narration.layouts import row_layout
from seewhy.models.narration.narrations import Narration
from seewhy.training.narration import judging
from seewhy.training.narration.examples import ExampleMaker
from seewhy.training.narration.judging import Judge, Question, drawn_questions, file_questions
from seewhy.training.narration.presets import DRAWN_PROMPTS


@pytest.fixture(scope="module")
def narrator():
    return small_narrator()


@pytest.fixture(scope="module")
def questions():
    return drawn_questions(14, SMALL.layout, tasks=judging_tasks(), prompts=DRAWN_PROMPTS, seed=1)


def judging_tasks():
    return ("vqaX", "aokvqa", "vqa_paraX", "actX", "esnlive", "vcr", "imagenetX")


def tells(monkeypatch, sentences):
    """The narrator says these sentences one after the other."""
    left = list(sentences)

    def narrate(_narrator, tokens, prompts, _options):
        assert len(tokens) == len(prompts)
        found = [left.pop(0) for _ in prompts]
        parts = [text.split(" because ") for text in found]
        return tuple(
            Narration(text, part[0], " ".join(part[1:]), (), (), None)
            for text, part in zip(found, parts, strict=True)
        )

    monkeypatch.setattr(judging, "narrate", narrate)


def judge(narrator, **values):
    return Judge(ExampleMaker(narrator.rows), **{"batch": 4, **values})


def record(name, **values):
    told = {"question": "is it so", "votes": (Vote("yes"),), "explanations": ("it is so",)}
    return NarrationRecord(name, "vqaX", (name,), **{**told, **values})


def test_who_tells_the_truth_has_full_marks(narrator, questions, monkeypatch):
    tells(monkeypatch, [f"{q.accepted[0]} because {q.record.explanations[0]}" for q in questions])
    found = judge(narrator).judged(narrator, questions)
    figures = found.figures
    assert figures.pop("CIDEr") > 3
    assert figures == {"accuracy": 1.0, "true reasons": 1.0, "right and true": 1.0, "told": 1.0}
    assert list(found.by_task) == list(judging_tasks())
    assert found.selected("truth") == 1.0
    assert found.selected("cider") == found.figures["CIDEr"]


def test_answers_and_reasons_are_judged_apart(narrator, questions, monkeypatch):
    first, second, third = questions[:3]
    sentences = [
        f"{first.accepted[0]} because there are four crosses at the top left",
        f"nonsense because {second.record.explanations[0]}",
        third.accepted[0],
    ]
    tells(monkeypatch, sentences)
    items = judge(narrator).judged(narrator, questions[:3]).items
    assert [each.is_right for each in items] == [True, False, True]
    assert [each.verdict for each in items] == ["false", "true", "not understood"]
    assert items[2].reason == ""
    tells(monkeypatch, sentences)
    figures = judge(narrator).judged(narrator, questions[:3]).figures
    assert figures["right and true"] == 0.0
    assert figures["true reasons"] == pytest.approx(1 / 3)


def test_without_a_scene_reasons_are_compared_with_references(narrator, monkeypatch, questions):
    read = questions[0].record.read
    records = [record(str(number), read=read) for number in range(3)]
    tells(monkeypatch, ["yes because it is so", "no because it is so", "yes because it rains"])
    found = judge(narrator).judged(narrator, file_questions(records, SMALL.layout))
    assert found.figures["accuracy"] == pytest.approx(2 / 3)
    assert found.figures["told"] == pytest.approx(2 / 3)
    assert "true reasons" not in found.figures
    assert found.selected("truth") == found.figures["CIDEr"]


def test_answers_alone_have_no_reasons_to_be_scored(narrator, monkeypatch, questions):
    only = record("1", explanations=(), read=questions[0].record.read)
    tells(monkeypatch, ["yes"])
    found = judge(narrator).judged(narrator, file_questions([only], SMALL.layout))
    assert found.figures == {"accuracy": 1.0}
    assert found.selected("cider") == 1.0


def test_captions_are_reasons_without_an_answer(narrator, monkeypatch):
    captions = drawn_questions(2, SMALL.layout, tasks=("captions",), prompts=DRAWN_PROMPTS, seed=1)
    tells(monkeypatch, [each.record.explanations[0] for each in captions])
    found = judge(narrator).judged(narrator, captions)
    assert "accuracy" not in found.figures
    assert found.figures["true reasons"] == found.figures["told"] == 1.0


def test_a_shift_shows_the_image_of_another_question(narrator, questions, monkeypatch):
    seen = []

    def narrated(_self, _narrator, chunk):
        seen.extend(chunk)
        return (Narration("", "", "", (), (), None),) * len(chunk)

    monkeypatch.setattr(Judge, "_narrated", narrated)
    judge(narrator).judged(narrator, questions[:4])
    judge(narrator).judged(narrator, questions[:4], shift=1)
    straight, moved = seen[:4], seen[4:]
    for place, (question, image) in enumerate(moved):
        assert question is questions[place]
        assert image.equal(straight[(place + 1) % 4][1])


def test_questions_without_a_readable_image_are_counted(narrator, questions, monkeypatch):
    def damaged():
        raise DataError("corrupt", "damaged")

    asked = [
        Question(record("1", read=damaged), ("yes",)),
        Question(record("2"), ("yes",)),
        Question(record("3", read=questions[0].record.read), ("yes",)),
    ]
    tells(monkeypatch, ["yes because it is so"])
    found = judge(narrator).judged(narrator, asked)
    assert (len(found.items), found.unread) == (1, 2)
    with pytest.raises(DataError, match="no image of 2"):
        judge(narrator).judged(narrator, asked[:2])


def test_narrations_are_the_same_in_any_batch(narrator, questions):
    one, all_ = (
        [each.text for each in judge(narrator, batch=batch).judged(narrator, questions).items]
        for batch in (3, 14)
    )
    assert one == all_


def test_accepted_answers_are_the_one_that_is_trained_and_all_that_were_given():
    votes = (Vote("Two dogs"), Vote("2 dogs."), Vote("a cat"))
    asked = file_questions([record("1", votes=votes)], row_layout("vqax"))[0]
    assert asked.accepted == ("2 dogs", "cat")
    assert file_questions([record("1", votes=(), explanations=())], row_layout("vqax")) == ()


def test_few_questions_are_spread_over_all():
    records = [record(str(number)) for number in range(10)]
    chosen = file_questions(records, SMALL.layout, most=4)
    assert [each.record.id for each in chosen] == ["0", "2", "5", "7"]


def test_drawn_questions_are_fixed_and_of_other_scenes_than_those_trained_on(questions):
    again = drawn_questions(14, SMALL.layout, tasks=judging_tasks(), prompts=DRAWN_PROMPTS, seed=1)
    assert [each.record for each in again] == [each.record for each in questions]
    assert all("held-out" in each.record.id for each in questions)
    assert {each.record.question for each in questions[3::7]} == {DRAWN_PROMPTS.templates["actX"]}
