"""Which words of a list an image shows: a head on image tokens that answers by many labels.

Source: the "+ concepts" variant of NLX-GPT (Sammani et al., CVPR 2022) for e-SNLI-VE.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.models.narration.towers import ImageTokens

_SHOWN = 20


class ConceptHead(nn.Module):
    """Two layers per token with a residual norm, one pooling by attention, a score per concept.

    The tensors have the names of the published checkpoints. Scores are before the sigmoid.
    """

    def __init__(self, concepts: Sequence[str], *, width: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.concepts = tuple(concepts)
        self.linear = _layers(width, width, dropout)
        self.linear.append(nn.Dropout(dropout))
        self.layer_norm = nn.LayerNorm(width)
        self.att_flat = _Pooling(width, dropout)
        self.classifier = nn.Linear(width, len(self.concepts))

    def forward(self, tokens: ImageTokens) -> Float[Tensor, "batch concepts"]:
        """The score of each concept."""
        mixed = self.layer_norm(tokens + self.linear(tokens))
        scores: Tensor = self.classifier(self.att_flat(mixed))
        return scores

    def best(self, tokens: ImageTokens, *, count: int = _SHOWN) -> list[tuple[str, ...]]:
        """The concepts of each image with the highest scores, best first, for `with_concepts`."""
        if count > len(self.concepts):
            raise UsageError(
                f"{count} concepts were asked for; the head knows {len(self.concepts)}."
            )
        places = self(tokens).topk(count).indices.tolist()
        return [tuple(self.concepts[place] for place in row) for row in places]


class _Pooling(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.mlp = _layers(width, 1, dropout)

    def forward(self, tokens: ImageTokens) -> Float[Tensor, "batch channels"]:
        weights = self.mlp(tokens).softmax(dim=1)
        pooled: Tensor = (weights * tokens).sum(dim=1)
        return pooled


def _layers(width: int, outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, outputs)
    )
