"""Recipes of the small image encoders that ship: what is drawn, how it is varied, the schedule."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.ssl.small import SmallConfig
from seewhy.training.loop import Schedule
from seewhy.training.pair_losses import contrastive_loss, redundancy_loss

SelfSupervised = Literal["simclr", "barlow"]
SIDE = 64


@dataclass(frozen=True)
class ImageRecipe:
    """How one image encoder is trained; `loss` compares the embeddings of both views."""

    loss: Callable[[Tensor, Tensor], Tensor]
    schedule: Schedule
    architecture: SmallConfig
    pairs: int = 96
    # Share of scenes in which the shared object has company, at the end.
    company: float = 0.85
    plain_digits: float = 0.06
    # Scenes of each object that are at hand at a time.
    kept: int = 6

    def bare_at(self, step: int) -> float:
        """Share of scenes of nothing but the object: all at first, none after three tenths.

        On other grounds and among others objects are too small a part of what a fresh network
        sees: its loss stays at chance.
        """
        return 1.0 - self._rising(step, 0.05, 0.3)

    def company_at(self, step: int) -> float:
        """None for two tenths of the steps, then rising to `company` until half of them."""
        return self.company * self._rising(step, 0.2, 0.5)

    def _rising(self, step: int, start: float, stop: float) -> float:
        return min(1.0, max(0.0, (step / self.schedule.steps - start) / (stop - start)))


PREPROCESSING = Preprocessing(SIDE, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))

IMAGE_RECIPES: dict[SelfSupervised, ImageRecipe] = {
    "simclr": ImageRecipe(
        loss=partial(contrastive_loss, temperature=0.1),
        schedule=Schedule(3000, learning_rate=1.5e-3, weight_decay=0.02),
        architecture=SmallConfig(head=(64,)),
    ),
    "barlow": ImageRecipe(
        # Correlations are estimated from the batch: it has to be larger than there are channels.
        # At one over the channels instead of eight half as many partners are found.
        loss=partial(redundancy_loss, off_diagonal=8 / 128),
        schedule=Schedule(1200, learning_rate=1.5e-3, weight_decay=0.02),
        architecture=SmallConfig(head=(256, 128)),
        pairs=224,
        # With others beside the shared object both views have little in common: the loss goes back
        # to that of chance, which the contrastive one does not.
        company=0.0,
        # They would be channels of their own: the loss is content with telling them from scenes.
        plain_digits=0.0,
    ),
}


def find_image_recipe(method: str) -> ImageRecipe:
    """The recipe of a method; raises `UsageError` for an unknown one."""
    for name, recipe in IMAGE_RECIPES.items():
        if name == method:
            return recipe
    raise UsageError(f"no method {method!r}; there are {', '.join(IMAGE_RECIPES)}.")
