"""Two small pictures, and what the tests of all sources ask of a source."""

import numpy as np
import pytest
from PIL import Image
from tests.data.hostile import encoded
from torch.utils.data import Dataset

from seewhy.base.errors import DataError
from seewhy.data.images import NOTES_KEY, ReadPolicy, read_image

RED, BLUE = Image.new("RGB", (5, 6), (250, 0, 0)), Image.new("RGB", (5, 6), (0, 0, 250))
RED_PNG, BLUE_PNG = encoded(RED, "PNG"), encoded(BLUE, "PNG")


def colour(record):
    return {(250, 0, 0): "red", (0, 0, 250): "blue"}[record.read().getpixel((0, 0))]


def described(source):
    return [(record.id, record.label, colour(record)) for record in source.records]


def read_code(record):
    with pytest.raises(DataError) as caught:
        record.read()
    return caught.value.code


def failures_of(source):
    return [(failure.id, failure.code) for failure in source.failures]


def pixels(image):
    return np.asarray(image).astype(int)


def notes(image):
    return image.info.get(NOTES_KEY, ())


def code_of(source, **limits):
    with pytest.raises(DataError) as caught:
        read_image(source, policy=ReadPolicy(**limits))
    return caught.value.code


class Items(Dataset):
    """A list as a Dataset; an exception in it is raised."""

    def __init__(self, items, **attributes):
        self.items = items
        self.fetched = []
        self.__dict__.update(attributes)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        self.fetched.append(index)
        if isinstance(self.items[index], Exception):
            raise self.items[index]
        return self.items[index]
