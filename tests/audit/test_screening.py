import numpy as np
import pytest
import torch
from tests.audit.pixels.pictures import disc, on_ground

from seewhy.audit.pixels.interventions import INTERVENTIONS
from seewhy.audit.readings import PassSettings
from seewhy.audit.screening import SCREENED_IMAGES, chosen_changes
from seewhy.base.errors import DataError
from seewhy.data.concepts import load_concepts
from seewhy.data.records import ImageRecord
from seewhy.models.protocols import DualEncoder

RED, GREEN = (220, 40, 30), (40, 200, 30)
CONCEPTS = load_concepts(
    {
        "colour": {"red": ["red"], "green": ["green"]},
        "size": {"small": ["small"], "large": ["large"]},
    }
)


class Discs:
    """Reads how red, green, small and large what is not blue is; counts the images it saw."""

    name = "discs"
    module = torch.nn.Identity()

    def __init__(self):
        self.seen = 0

    def preprocess(self, image):
        return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1)

    def encode_images(self, pixels):
        self.seen += len(pixels)
        found = (pixels[:, 2] < 0.5).float()
        area = found.sum(dim=(1, 2)).clamp(min=1)
        red, green = ((pixels[:, c] * found).sum(dim=(1, 2)) / area for c in (0, 1))
        large = (area > 600).float()
        return torch.nn.functional.normalize(torch.stack([red, green, 1 - large, large], dim=1))

    def encode_texts(self, texts):
        return torch.eye(4)[: len(texts)]

    def stages(self):
        return ()


def picture(number):
    """Colour and size know nothing of each other; the ground is always the same."""
    mask = disc(radius=18.0 if number % 2 else 9.0, centre=(28.0 + number % 5, 32.0))
    return on_ground(mask, colour=(RED, GREEN)[number // 2 % 2])


def chosen(records, encoder):
    changes = chosen_changes(
        records,
        encoder,
        CONCEPTS,
        captions=encoder.encode_texts(CONCEPTS.captions),
        settings=PassSettings(batch_size=8, seed=0),
    )
    return [change.name for change in changes]


WHOLE = [change.name for change in INTERVENTIONS]


def records(images):
    return [
        ImageRecord(str(number), read=lambda number=number: picture(number))
        for number in range(images)
    ]


def test_only_exchanges_that_reach_a_group_are_made():
    """Position, outline, textures, the ground and marks are no concept here, or all alike."""
    assert isinstance(Discs(), DualEncoder)
    assert chosen(records(12), Discs()) == ["other object colour", "other size", *WHOLE]


def test_where_all_is_the_same_no_exchange_is_made():
    same = [ImageRecord(str(number), read=lambda: picture(0)) for number in range(8)]
    assert chosen(same, Discs()) == WHOLE


@pytest.mark.parametrize("images", [SCREENED_IMAGES - 10, SCREENED_IMAGES + 20])
def test_at_most_forty_images_are_read(images):
    encoder = Discs()
    chosen(records(images), encoder)
    versions, left = divmod(encoder.seen, min(images, SCREENED_IMAGES))
    assert (versions, left) == (9, 0)


def test_images_that_cannot_be_read_are_offered_no_exchange():
    def refuse():
        raise DataError("truncated", "the file ends early")

    broken = [ImageRecord(str(number), read=refuse) for number in range(3)]
    assert chosen(broken, Discs()) == WHOLE
