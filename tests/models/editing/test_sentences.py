import pytest
import torch
from tests.models.editing.golden import close, part, stored

from seewhy.models.editing.sentences import BothWays, MeanSentence, OrderedSentence

ARRAYS = stored("dan")
LENGTHS = ARRAYS["length"].flatten()


def stored_mean(protocol):
    weights = part("dan", "w.")
    words, width = weights["embedding_dan.weight"].shape
    sentence = MeanSentence(words, width=width, size=10, protocol=protocol).double()
    names = {"embedding_dan": "table", "layer1": "first", "layer2": "second"}
    sentence.load_state_dict(
        {f"{names[key.split('.')[0]]}.{key.split('.')[1]}": each for key, each in weights.items()}
    )
    return sentence


def test_the_mean_is_over_true_words_or_as_published_over_padding_too():
    ids = ARRAYS["word_ids"]
    close(stored_mean("published")(ids, LENGTHS), ARRAYS["embedding_padded_mean"])
    close(stored_mean("mended")(ids, LENGTHS), ARRAYS["embedding_single"])


def test_both_ways_are_torchs_over_each_caption_alone():
    reader = BothWays(4, width=6, size=5)
    vectors = torch.randn(3, 5, 4)
    lengths = torch.tensor([2, 5, 1])
    read = reader(vectors, lengths)
    for place, length in enumerate(lengths.tolist()):
        states, (last, _) = reader.lstm(vectors[place : place + 1, :length])
        torch.testing.assert_close(read.states[place, :length], states[0])
        assert not read.states[place, length:].any()
        summary = reader.summary(last.transpose(0, 1).flatten(1)).tanh()
        torch.testing.assert_close(read.summary[place], summary[0])


@pytest.mark.parametrize("kind", [MeanSentence, OrderedSentence])
def test_only_the_ordered_sentence_knows_which_colour_belongs_to_which_noun(kind):
    sentence = kind(9, width=4, size=6)
    captions = torch.tensor([[1, 2, 3, 4], [3, 2, 1, 4]])
    one, other = sentence(captions, torch.tensor([4, 4]))
    assert torch.allclose(one, other, atol=1e-6) == (kind is MeanSentence)


@pytest.mark.parametrize("kind", [MeanSentence, OrderedSentence])
def test_padding_says_nothing(kind):
    sentence = kind(9, width=4, size=6)
    lengths = torch.tensor([2, 3])
    captions = torch.tensor([[1, 2, 0], [3, 2, 1]])
    padded = torch.tensor([[1, 2, 8, 8], [3, 2, 1, 7]])
    torch.testing.assert_close(sentence(captions, lengths), sentence(padded, lengths))
