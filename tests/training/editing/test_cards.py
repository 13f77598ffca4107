from seewhy.data.editing.corruption import Corruption
from seewhy.data.editing.records import EditRecord
from seewhy.models.editing.config import editor_config
from seewhy.training.editing.cards import Measured, editor_card
from seewhy.training.editing.judging import Judged, Judgement

CONFIG = editor_config(
    networks=({"kind": "editnet", "words": 9, "features": 4}, {"kind": "dcnet", "words": 9}),
    source={"kind": "file", "width": 4},
)


def judgement(*edited):
    record = EditRecord(
        "id", ("a", "red"), (("a", "blue"),), corruptions=(Corruption("colour", (), ()),)
    )
    return Judgement(tuple(Judged(record, words, is_finished=True) for words in edited))


MEASURED = Measured(
    judgement(("a", "blue"), ("a", "blue"), ("a", "red"), ("a", "blue")),
    {"captions": judgement(("a",)), "images": judgement(("a", "red"), ("a", "blue"))},
    {"editnet": judgement(("a", "blue")), "dcnet": judgement(("a",), ("a",), ("a", "blue"))},
)


def test_the_card_tells_what_was_measured():
    card = editor_card(CONFIG, MEASURED, told={"seed": 3})
    for text in (
        "- networks: editnet, dcnet",
        "- seed: 3",
        "Measured on 4 captions",
        "| right word by word | 75.0 % |",
        "| wrong ones made right | 75.0 % |",
        "| colour | 75.0 % |",
        "With the caption of another image, 0.0 % are right.",
        "With another image, 50.0 % are right.",
        "editnet 100.0 %, dcnet 33.3 %.",
    ):
        assert text in card
    # No caption was right before, so nothing is said about such.
    assert "left as they are" not in card


def test_one_network_needs_no_table_of_its_members():
    config = CONFIG.model_copy(update={"networks": CONFIG.networks[:1]})
    alone = Measured(MEASURED.whole, MEASURED.shuffled, {"editnet": MEASURED.whole})
    assert "by itself" not in editor_card(config, alone, told={})


def test_the_document_holds_all_figures():
    found = MEASURED.document
    assert found["captions"] == 4
    assert found["shuffled"]["images"]["exact"] == 0.5
    assert found["networks"]["dcnet"]["exact"] == 1 / 3
    assert found["repaired by kind"] == {"colour": 0.75}
