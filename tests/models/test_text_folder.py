import pytest
import torch
from tests.models.text_folders import write_text_folder

from seewhy.base.errors import UsageError
from seewhy.models.text_folder import load_text_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_text_folder(tmp_path_factory.mktemp("text") / "tiny")


def test_sentences_are_the_mean_over_their_tokens(folder):
    encoder = load_text_folder(folder)
    texts = ["a dog", "the red cat is on the road", ""]
    found = encoder.sentences(texts)
    for row, text in zip(found, texts, strict=True):
        tokens = [encoder.special[0], *encoder.pieces(text), encoder.special[1]]
        ids = torch.tensor([encoder.ids(tokens)])
        with torch.no_grad():
            states = encoder.states(ids, torch.ones_like(ids))[0]
        expected = torch.nn.functional.normalize(states.mean(dim=0), dim=0)
        torch.testing.assert_close(row, expected)
    torch.testing.assert_close(encoder.sentences(texts, batch_size=1), found)
    assert encoder.sentences([]).shape == (0, encoder.width)


def test_states_are_those_of_a_block(folder):
    encoder = load_text_folder(folder)
    ids, mask = encoder.padded(["a dog"])
    with torch.no_grad():
        last = encoder.states(ids, mask)
        torch.testing.assert_close(encoder.states(ids, mask, block=encoder.blocks), last)
        assert not torch.allclose(encoder.states(ids, mask, block=1), last)


def test_texts_longer_than_the_module_can_hold_are_cut(folder):
    encoder = load_text_folder(folder)
    ids, mask = encoder.padded(["dog " * 200])
    assert ids.shape == mask.shape == (1, 62)
    assert encoder.sentences(["dog " * 200]).isfinite().all()


@pytest.mark.parametrize("lacking", ["config.json", "model.safetensors"])
def test_a_folder_that_lacks_a_part_is_refused(tmp_path, lacking):
    folder = write_text_folder(tmp_path / "part")
    (folder / lacking).unlink()
    with pytest.raises(UsageError, match=r"no text encoder that can be read.*distilbert"):
        load_text_folder(folder)


def test_pickled_weights_are_not_read(tmp_path):
    folder = write_text_folder(tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match="no text encoder"):
        load_text_folder(folder)


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="it is no folder"):
        load_text_folder(tmp_path / "none")
