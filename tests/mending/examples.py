"""Pictures of a circle, and an editor that learnt by heart what it has to say of them."""

from functools import cache

import torch
from torch.nn import functional

from seewhy.data.records import ImageRecord
from seewhy.data.scenes import Scene, SceneObject, draw_scene
from seewhy.mending.asking import MendingQuestion
from seewhy.mending.captions import CaptionedImage
from seewhy.mending.settings import MendingSettings
from seewhy.models.editing.building import build_network
from seewhy.models.editing.config import EditorConfig, network_config
from seewhy.models.editing.editor import CaptionEditor
from seewhy.models.editing.edits import plain_words
from seewhy.models.editing.sources import BoxSourceConfig, GridSourceConfig, load_source
from seewhy.models.editing.storage import EditorParts
from seewhy.models.editing.words import vocabulary_of

ENCODER = "embedded:clip-objects"
BOX = (0.05, 0.05, 0.45, 0.45)
TRUTHS = {"red": "a red circle", "blue": "a blue circle", "white": "a white circle"}
CAPTIONS = ("a green circle", "a circle", "a blue blue circle", "a red star", "a white circle")


def image(colour="red", side=64):
    """A circle at the top left, on black."""
    item = SceneObject("circle", colour, "plain", "medium", "", (0.25, 0.25), 0.2)
    return draw_scene(Scene((item,), "black"), side).image


def source(kind="grid"):
    if kind == "grid":
        return GridSourceConfig(encoder=ENCODER, rows=2, cols=2)
    return BoxSourceConfig(encoder=ENCODER)


@cache
def editor(kind="grid", network="editnet"):
    """Says of each picture what is true, whatever the caption says."""
    looks = load_source(source(kind))
    boxes = [[BOX]] * len(TRUTHS)
    features = looks.features([image(colour) for colour in TRUTHS], boxes)
    vocabulary = vocabulary_of(plain_words(text) for text in (*TRUTHS.values(), *CAPTIONS))
    sizes = {"width": 32, "attention": 16, "words": vocabulary.size, "dropout": 0.0}
    if network != "dcnet":
        sizes["features"] = looks.width
    if network == "look-modify":
        sizes |= {"embedding": 32, "attention": 32, "sentence": "ordered"}
    config = EditorConfig(networks=(network_config(kind=network, **sizes),), source=looks.config)
    built = build_network(config.networks[0], seed=1)
    found = CaptionEditor(EditorParts(config, vocabulary, (built,)), source=looks)
    pairs = [(place, text) for place in range(len(TRUTHS)) for text in CAPTIONS]
    inputs = found.inputs(
        [features[place] for place, _ in pairs], [plain_words(text) for _, text in pairs]
    )
    truths = [plain_words(list(TRUTHS.values())[place]) for place, _ in pairs]
    rows = [[vocabulary.start, *vocabulary.encode(words), vocabulary.end] for words in truths]
    targets = torch.tensor(rows)
    optimiser = torch.optim.AdamW(built.parameters(), lr=1e-2)
    for _ in range(60):
        scores = built(inputs, targets[:, :-1])
        loss = functional.cross_entropy(scores.flatten(0, 1), targets[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    built.eval()
    return found


def question(kind="grid", network="editnet", **changes):
    settings = MendingSettings(**{"figures": False, "bootstrap": 100, "least": 1} | changes)
    return MendingQuestion(editor(kind, network), "by heart", settings)


def item(colour="red", caption="a green circle", *, boxes=None, is_relative=False):
    name = f"{colour}.png"
    record = ImageRecord(name, lambda: image(colour))
    return CaptionedImage(name, caption, record, boxes, is_relative, name)
