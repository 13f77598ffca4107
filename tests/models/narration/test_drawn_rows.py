import pytest

from seewhy.data.narration.drawn.dataset import DRAWN_TASKS, drawn_narrations
from seewhy.data.narration.prompts import Prompts, unified
from seewhy.models.narration.layouts import row_layout
from seewhy.models.narration.rows import RowMaker
from seewhy.models.narration.samples import samples
from seewhy.models.narration.tokens import END, UNKNOWN, build_word_tokenizer

RECORDS = [each.record for each in drawn_narrations(350, seed=8)]
UNIFIED = [unified(record, Prompts()) for record in RECORDS]
LAYOUTS = {"vqaX": "vqax", "actX": "act", "esnlive": "esnlive", "vcr": "vcr"}


def words_of(records):
    for sample in samples(records):
        record = sample.record
        yield record.question or ""
        yield f" {record.votes[0].text} the answer is because {sample.explanation}"
    yield from (" object", "the answer is")


TOKENIZER = build_word_tokenizer(words_of(UNIFIED), objects=4)


def test_all_seven_tasks_become_rows_of_one_layout_that_need_no_cut():
    maker = RowMaker(TOKENIZER, row_layout("uninlx"))
    rows = [maker.training_row(s.record, s.explanation) for s in samples(UNIFIED)]
    assert {record.task for record in UNIFIED} == set(DRAWN_TASKS)
    assert max(map(len, rows)) < 60
    for row in rows:
        assert TOKENIZER.ids([UNKNOWN])[0] not in TOKENIZER.ids(row.tokens)
        assert row.tokens[-1] == END


@pytest.mark.parametrize("task", LAYOUTS)
def test_a_task_becomes_rows_of_its_own_layout(task):
    maker = RowMaker(TOKENIZER, row_layout(LAYOUTS[task]))
    for sample in samples([record for record in RECORDS if record.task == task]):
        row = maker.training_row(sample.record, sample.explanation)
        prompt = maker.prompt(sample.record)
        assert row.tokens[: len(prompt)] == prompt.tokens
        if task == "vcr":
            asked = [
                box
                for box, segment in zip(row.boxes, row.segments, strict=True)
                if segment == "<question>" and any(box)
            ]
            number = sample.record.question.count("object")
            assert len(asked) == number
            assert set(asked) <= set(row.boxes[: len(sample.record.regions.objects)])
