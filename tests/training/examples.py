"""A recipe that trains in a second."""

from seewhy.training.loop import Schedule
from seewhy.training.recipes import SIDE, EncoderRecipe, Stage

TINY = EncoderRecipe(
    name="tiny",
    vision={"layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
    stages=(Stage(SIDE, Schedule(steps=2), batch_size=6),),
    embed_dim=8,
    compound_claims=4,
)

STAGE = TINY.stages[0]
