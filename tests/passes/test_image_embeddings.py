import numpy as np
import pytest
from tests.similarity.examples import BLUE, GREEN, RED, colour_encoder, spots

from seewhy.data.places import open_places
from seewhy.models.image_encoders import ImageEncoder
from seewhy.passes import image_embeddings
from seewhy.passes.image_embeddings import embed_images
from seewhy.passes.store import Store

COLOURS = {"r.png": RED, "g.png": GREEN, "b.png": BLUE}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    for name, colour in COLOURS.items():
        spots((colour, (0, 0))).save(place / name)
    return place


@pytest.fixture
def embedded(folder, tmp_path):
    store = Store(tmp_path / "kept")

    def call(encoder=None, batch_size=2):
        with store.in_use():
            return embed_images(
                encoder or colour_encoder(),
                open_places([folder]).records,
                store,
                batch_size=batch_size,
            )

    return call


def test_images_are_embedded_in_their_order(embedded):
    """A square of 16 x 16 covers a twelfth of 64 x 48 pixels."""
    found = embedded()
    assert [each.id for each in found.records] == ["b.png", "g.png", "r.png"]
    assert found.embeddings == pytest.approx(np.eye(3)[::-1] / 12, abs=1e-3)
    assert (found.made, found.failures) == (3, ())


def test_what_is_kept_is_known_by_its_content(embedded, folder, monkeypatch):
    before = embedded().embeddings
    (folder / "r.png").rename(folder / "a.png")
    monkeypatch.setattr(ImageEncoder, "embed", lambda *_: pytest.fail("embedded again"))
    found = embedded()
    assert [each.id for each in found.records] == ["a.png", "b.png", "g.png"]
    assert (found.embeddings == before[[2, 0, 1]]).all()
    assert found.made == 0


def test_only_what_is_new_is_embedded(embedded, folder):
    embedded()
    spots((RED, (0, 0)), (BLUE, (20, 0))).save(folder / "c.png")
    spots((RED, (0, 0))).save(folder / "same.png")
    found = embedded()
    assert (found.made, len(found.records)) == (1, 5)
    assert found.contents[-2] == found.contents[-1]


def test_another_encoder_has_embeddings_of_its_own(embedded):
    embedded()
    other = colour_encoder()
    other.module.cells.weight.data *= 2
    found = embedded(other)
    assert found.made == 3
    assert found.embeddings == pytest.approx(np.eye(3)[::-1] / 6, abs=2e-3)
    assert embedded().made == 0


def test_an_interruption_loses_one_piece_at_most(embedded, monkeypatch):
    monkeypatch.setattr(image_embeddings, "PIECE", 1)
    embed, calls = ImageEncoder.embed, []

    def killed(self, pixels):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(pixels)
        return embed(self, pixels)

    with monkeypatch.context() as patch:
        patch.setattr(ImageEncoder, "embed", killed)
        with pytest.raises(KeyboardInterrupt):
            embedded()
    assert embedded().made == 1


def test_one_bad_image_costs_no_other_and_is_tried_again(embedded, folder):
    good = (folder / "g.png").read_bytes()
    (folder / "g.png").write_bytes(b"no image")
    found = embedded(batch_size=3)
    assert [each.id for each in found.records] == ["b.png", "r.png"]
    assert [(each.id, each.code) for each in found.failures] == [("g.png", "unidentified")]
    (folder / "g.png").write_bytes(good)
    assert embedded().made == 1


def test_no_usable_image_gives_no_rows(embedded, folder):
    for name in COLOURS:
        (folder / name).write_bytes(name.encode())
    found = embedded()
    assert (len(found.records), len(found.failures), found.embeddings.shape[0]) == (0, 3, 0)
