"""Which quarters of a drawn scene a phrase fits, asked of the words: so they learn where to look.

A question about two objects is answered from where both are. One bit of answer hardly teaches that.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from seewhy.data.narration.drawn.phrases import SceneFacts, read_phrases
from seewhy.data.scenes import Scene
from seewhy.models.narration.rows import Row
from seewhy.models.narration.tokens import SPACE
from seewhy.training.narration.quarters import QUARTERS, quarter_of

NO_MENTION = -1

Mentions = Int[Tensor, "batch tokens 4"]
"""1 for each quarter whose object fits the phrase that ends here, else 0; or `NO_MENTION`."""


def mentions_of(
    rows: Sequence[Row], is_answer: Sequence[Sequence[bool]], scenes: Sequence[Scene]
) -> Mentions:
    """What the phrases of rows speak of in their scenes; those of answers are left out."""
    longest = max(map(len, rows))
    found = torch.full((len(rows), longest, QUARTERS), NO_MENTION, dtype=torch.long)
    for number, (row, told, scene) in enumerate(zip(rows, is_answer, scenes, strict=True)):
        facts = SceneFacts(scene)
        for place, phrase in read_phrases([token.removeprefix(SPACE) for token in row.tokens]):
            if not told[place]:
                found[number, place] = 0
                for item in facts.places(phrase):
                    found[number, place, quarter_of(scene.objects[item])] = 1
    return found


class MentionHead(nn.Module):
    """Scores of the quarters, read where a phrase ends, behind each of the first blocks.

    The head is for training alone.
    """

    def __init__(self, width: int, *, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(width, QUARTERS) for _ in range(blocks))

    def loss_sum(
        self, states: Sequence[Float[Tensor, "batch tokens width"]], mentions: Mentions
    ) -> Float[Tensor, ""]:
        """Cross-entropy of fitting or not, added up over quarters and phrases: the blocks' mean.

        `states` are those behind each block, of which the last ones are not asked.
        """
        is_phrase = mentions[..., 0] != NO_MENTION
        wanted = mentions[is_phrase].float()
        losses = [
            functional.binary_cross_entropy_with_logits(
                head(state[is_phrase]).float(), wanted, reduction="sum"
            )
            for head, state in zip(self.blocks, states, strict=False)
        ]
        return torch.stack(losses).mean()
