"""Explanations asked for with templates that tiny encoders know."""

import numpy as np
from tests.methods.text_maps.golden import picture

from seewhy.methods.text_maps.surgery import ClipSurgery
from seewhy.methods.text_maps.tokens import Surgery
from seewhy.passes.prompts import PromptEnsemble
from seewhy.results.parts import Heatmap

TEXTS = ["red circle", "blue square", "digit 5"]
SHALLOW = Surgery(depth=3)
METHOD = ClipSurgery(surgery=SHALLOW)


def asked(encoder, method=METHOD, images=None, texts=TEXTS, **options):
    prompts = PromptEnsemble(encoder, ("{}", "a photo of the {}"))
    return method.explain(encoder, images or [picture()], texts, prompts=prompts, **options)


def heat(explanation):
    return np.stack([part.values for part in explanation.parts if isinstance(part, Heatmap)])
