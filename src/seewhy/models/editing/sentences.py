"""From the words of a caption to states and to one vector.

`BothWays` is DCNet's caption encoder. For Look and Modify, `MeanSentence` is the deep averaging
network published beside it (Iyyer et al., ACL 2015). A mean of words cannot tell which colour
belongs to which noun: `OrderedSentence`, which can, is ours.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seewhy.models.editing.attention import places_mask, true_mean

Protocol = Literal["mended", "published"]


class Understood(NamedTuple):
    """A caption read in both directions; states behind the last word are zero."""

    states: Float[Tensor, "batch source dim"]
    summary: Float[Tensor, "batch size"]


class BothWays(nn.Module):
    """An LSTM in each direction over words; the states are `width` wide together.

    The summary is tanh(lin([last state forward; last state backward])), from -1 to 1.
    """

    def __init__(self, inputs: int, *, width: int, size: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, width // 2, batch_first=True, bidirectional=True)
        self.summary = nn.Linear(width, size)

    def forward(
        self, vectors: Float[Tensor, "batch source inputs"], lengths: Int[Tensor, " batch"]
    ) -> Understood:
        """What the words before `lengths` say; each caption must have one."""
        packed = pack_padded_sequence(
            vectors, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, (last, _) = self.lstm(packed)
        padded, _ = pad_packed_sequence(states, batch_first=True, total_length=vectors.shape[1])
        ends = torch.cat([last[0], last[1]], dim=1)
        return Understood(padded, self.summary(ends).tanh())


class MeanSentence(nn.Module):
    """tanh(lin(tanh(lin(mean of the word vectors)))), from -1 to 1.

    As "published" the mean is over all places of the batch, padding included, so that a caption's
    vector depends on its neighbours.
    """

    def __init__(self, words: int, *, width: int, size: int, protocol: Protocol = "mended") -> None:
        super().__init__()
        self.table = nn.Embedding(words, width)
        self.first = nn.Linear(width, size)
        self.second = nn.Linear(size, size)
        self.protocol: Protocol = protocol

    def forward(
        self, captions: Int[Tensor, "batch source"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch size"]:
        """One vector per caption."""
        vectors = self.table(captions)
        if self.protocol == "published":
            mean = vectors.mean(dim=1)
        else:
            mean = true_mean(vectors, places_mask(lengths, captions.shape[1]))
        embedding: Tensor = self.second(self.first(mean).tanh()).tanh()
        return embedding


class OrderedSentence(nn.Module):
    """The summary of both ways over word vectors, each direction as wide as the embedding."""

    def __init__(self, words: int, *, width: int, size: int) -> None:
        super().__init__()
        self.table = nn.Embedding(words, width)
        self.reader = BothWays(width, width=2 * size, size=size)

    def forward(
        self, captions: Int[Tensor, "batch source"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch size"]:
        """One vector per caption."""
        read: Understood = self.reader(self.table(captions), lengths)
        return read.summary
