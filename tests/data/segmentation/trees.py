"""Small trees of files in the layouts of data sets, and what every reader must do with them."""

import pickle

import numpy as np
import pytest
from PIL import Image

from seewhy.base.errors import DataError

IMAGE = Image.new("RGB", (4, 3), (200, 100, 0))


def write_image(path, size=(4, 3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    IMAGE.resize(size).save(path)


def write_labels(path, values, *, palette=False):
    """A label map of the values, which fill 3 rows of 4 with the last one repeated."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(filled(values).astype(np.uint8))
    if palette:
        image.putpalette([number % 251 for number in range(768)])
        assert image.mode == "P"
    image.save(path)


def filled(values):
    flat = [*values, *[values[-1]] * (12 - len(values))]
    return np.array(flat).reshape(3, 4)


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def only(source):
    (record,) = source.records
    return pickle.loads(pickle.dumps(record))


def first_labels(record, count):
    return record.example().truth.labels.ravel()[:count].tolist()


def failures_of(source):
    return [(failure.id, failure.code) for failure in source.failures]


def code_of(read):
    with pytest.raises(DataError) as caught:
        read()
    return caught.value.code
