"""An editor's preset that takes a second, pictures that need no encoder, and files."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from seewhy.data.editing.facts import edit_words
from seewhy.models.editing.features import ImageFeatures
from seewhy.models.editing.sources import BoxSourceConfig
from seewhy.models.editing.words import EditVocabulary
from seewhy.training.editing import presets
from seewhy.training.editing.batches import KeptRegions, Writer
from seewhy.training.editing.presets import TINY, Drawn, Sizes

WRITER = Writer(EditVocabulary(edit_words()), 14)
CHANNELS = 5

SMALL = replace(
    TINY,
    sizes={
        "editnet": Sizes(8, 4, 0.25),
        "dcnet": Sizes(8, 4, 0.25),
        "look-modify": Sizes(8, 6, 0.25, embedding=6),
    },
    recipes={
        key: replace(each, batch=4, steps=4, check_every=2) for key, each in TINY.recipes.items()
    },
    drawn=Drawn(12, 4, 4),
)


@pytest.fixture
def small_preset(monkeypatch):
    monkeypatch.setattr(presets, "TINY", SMALL)


class Colours:
    """In the place of an encoder: the mean colour of each box, and two numbers of its place."""

    def __init__(self, config):
        self.config = config.model_copy(update={"width": CHANNELS, "weights": "none"})
        self.width = CHANNELS

    def features(self, images, boxes=None):
        boxes = boxes or [[(0.0, 0.0, 1.0, 0.5), (0.0, 0.5, 1.0, 1.0)]] * len(images)
        return [self._seen(image, each) for image, each in zip(images, boxes, strict=True)]

    def to(self, device):
        """There is nothing to move."""

    def _seen(self, image, boxes):
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).float() / 255
        side = torch.tensor([image.width, image.height] * 2)
        rows = []
        for box in boxes:
            left, top, right, bottom = (torch.tensor(box) * side).int().tolist()
            cut = pixels[top : bottom + 1, left : right + 1]
            rows.append(torch.cat([cut.mean(dim=(0, 1)), torch.tensor(box[:2])]))
        return ImageFeatures(torch.stack(rows), torch.tensor(boxes))


@pytest.fixture
def colours(monkeypatch):
    """Every source sees mean colours."""
    monkeypatch.setattr("seewhy.training.editing.run.load_source", lambda config, **_: made(config))


def made(config):
    """A source that passes for one of boxes."""
    from seewhy.models.editing.sources import BoxSource

    source = Colours(BoxSourceConfig(encoder=config.encoder, has_places=config.has_places))
    found = BoxSource.__new__(BoxSource)
    found.config, found.width = source.config, source.width
    found.features = source.features
    return found


def regions_of(count, *, seed=0, regions=3, channels=CHANNELS):
    """Random regions, from one to `regions` of them."""
    generator = torch.Generator().manual_seed(seed)
    counts = [1 + place % regions for place in range(count)]
    return KeptRegions.of(
        [ImageFeatures(torch.randn(each, channels, generator=generator)) for each in counts]
    )


TRUTHS = ("a red circle is above a blue star", "a green ring is below a white cross")


def caption_files(folder, *, test=2, images=True):
    """A Karpathy split of 8 training, 2 validation and some test images, and existing captions."""
    parts = ["train"] * 6 + ["restval"] * 2 + ["val"] * 2 + ["test"] * test
    entries, existing = [], []
    for number, part in enumerate(parts):
        name = f"picture_{number}.jpg"
        if images:
            (folder / "val2014").mkdir(exist_ok=True)
            colour = (20 * number, 250 - 20 * number, 100)
            Image.new("RGB", (24, 24), colour).save(folder / "val2014" / name)
        entries.append(
            {
                "cocoid": 100 + number,
                "filename": name,
                "filepath": "val2014",
                "split": part,
                "sentences": [{"tokens": each.split()} for each in TRUTHS[: 1 + number % 2]],
            }
        )
        caption = TRUTHS[0] if number % 3 else "a red red circle"
        path = f"val2014\\{name}"
        existing.append({"image_id": 100 + number, "caption": caption, "file_name": path})
    captions = folder / "dataset.json"
    captions.write_text(json.dumps({"images": entries}), encoding="utf-8")
    listed = folder / "existing.json"
    listed.write_text(json.dumps(existing), encoding="utf-8")
    return captions, listed
