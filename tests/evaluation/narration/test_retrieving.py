import pytest
import torch
from hypothesis import given
from hypothesis.strategies import integers
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.data.narration.records import NarrationRecord
from seewhy.evaluation.narration.retrieving import (
    Inputs,
    narrated,
    nearest_inputs,
    retrieved_inputs,
)

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


class ColourEncoder:
    """Images by their mean colour, texts by the colour that they name."""

    name = "colours"
    module = torch.nn.Linear(1, 1)

    def preprocess(self, image):
        pixels = torch.tensor(image.getpixel((0, 0))).float() / 255
        return pixels[:, None, None].expand(3, 2, 2).clone()

    def encode_images(self, pixels):
        return torch.nn.functional.normalize(pixels.mean(dim=(2, 3)), dim=1)

    def encode_texts(self, texts):
        rows = [torch.tensor(COLOURS[text.split()[1]]).float() for text in texts]
        return torch.nn.functional.normalize(torch.stack(rows), dim=1)

    def stages(self):
        return ()


def record(number, colour, asked):
    return NarrationRecord(
        id=str(number),
        task="vqaX",
        images=(f"{colour}.png",),
        question=f"is {asked} there",
        votes=(),
        explanations=(),
        read=lambda: Image.new("RGB", (4, 4), COLOURS[colour]),
    )


RECORDS = [
    record(0, "red", "red"),
    record(1, "red", "blue"),
    record(2, "green", "green"),
    record(3, "blue", "red"),
]


def unit(count, dim, seed):
    rows = torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(rows, dim=1)


@given(seed=integers(0, 2**16))
def test_the_nearest_are_those_of_a_full_sort_in_any_order_of_inputs(seed):
    queries = Inputs(("a", "b"), unit(2, 4, seed))
    vectors = unit(7, 4, seed + 1)
    found = nearest_inputs(queries, Inputs(tuple("1234567"), vectors), count=3)
    for name, embedding in zip("ab", queries.embeddings, strict=True):
        cosines = {str(n + 1): float(v @ embedding) for n, v in enumerate(vectors)}
        assert found[name] == sorted(cosines, key=lambda n: -cosines[n])[:3]
    turned = Inputs(tuple("7654321"), vectors.flip(0))
    assert nearest_inputs(queries, turned, count=3) == found


def test_images_find_questions_and_questions_images():
    found = retrieved_inputs(RECORDS, ColourEncoder(), direction="i2t", count=2)
    assert {query: nearest[0] for query, nearest in found.items()} == {
        "red.png": "is red there",
        "green.png": "is green there",
        "blue.png": "is blue there",
    }
    found = retrieved_inputs(RECORDS, ColourEncoder(), direction="t2i", count=1)
    assert found == {
        "is red there": ["red.png"],
        "is blue there": ["blue.png"],
        "is green there": ["green.png"],
    }


def test_own_pairs_can_be_passed_over():
    found = retrieved_inputs(RECORDS, ColourEncoder(), direction="i2t", count=1, own=False)
    # Red was asked about red and blue, so green is left; for blue, red was its own.
    assert found["red.png"] == ["is green there"]
    assert found["blue.png"] == ["is blue there"]
    itself = retrieved_inputs(RECORDS, ColourEncoder(), direction="i2i", count=1)
    others = retrieved_inputs(RECORDS, ColourEncoder(), direction="i2i", count=2, own=False)
    assert itself["red.png"] == ["red.png"]
    assert set(others["red.png"]) == {"green.png", "blue.png"}


def test_batches_change_nothing():
    one, many = (
        retrieved_inputs(RECORDS, ColourEncoder(), direction="t2i", count=2, batch_size=size)
        for size in (1, 32)
    )
    assert one == many


def test_too_few_inputs_and_missing_questions_are_refused():
    with pytest.raises(UsageError, match=r"15 inputs are wanted .* there are 3"):
        retrieved_inputs(RECORDS, ColourEncoder(), direction="t2i")
    bare = [NarrationRecord("x", "actX", ("a.png",), None, (), (), read=RECORDS[0].read)]
    with pytest.raises(UsageError, match="choose the direction i2i"):
        retrieved_inputs(bare, ColourEncoder(), direction="i2t")


@pytest.mark.parametrize(
    ("direction", "pairs"),
    [
        ("i2t", [("q", "1"), ("q", "2"), ("2", "1")]),
        ("t2i", [("1", "q"), ("2", "q"), ("1", "2")]),
        ("i2i", [("1", None), ("2", None)]),
    ],
)
def test_each_pair_is_narrated_once_and_in_its_place(direction, pairs):
    asked = []

    def narrate(given):
        asked.extend(given)
        return [f"{image}+{question}" for image, question in given]

    found = narrated({"q": ["1", "2", "1"], "2": ["1"]}, narrate, direction=direction)
    assert asked == pairs
    told = [f"{image}+{question}" for image, question in pairs]
    assert found["q"] == [told[0], told[1], told[0]]
    assert found["2"] == [told[2 if direction != "i2i" else 0]]
    with pytest.raises(UsageError, match="0 explanations came"):
        narrated({"q": ["1"]}, lambda _: [], direction=direction)
