"""Small data sets on the disk, a small encoder in a folder, and pictures that say what they show.

A picture's red channel is `STEP` times the class of each pixel, so that a viewer can be made to
know the truth.
"""

import json

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from tests.data.segmentation.trees import write_text

from seewhy.data.segmentation.camouflage import CAMOUFLAGE_NAMES
from seewhy.data.segmentation.pascal import CONTEXT_NAMES, VOC_NAMES
from seewhy.data.segmentation.records import LabelMap
from seewhy.evaluation.tasks.viewer import Viewer
from seewhy.methods.text_maps.catalogue import map_method
from seewhy.methods.text_maps.reading import TextMaps
from seewhy.models.openclip_zoo import build
from seewhy.models.tiny import SIDE, tiny_dual_encoder
from seewhy.passes.prompts import PromptEnsemble

STEP = 40
PATCH = 8

_NAMES = (*VOC_NAMES, *CONTEXT_NAMES, *CAMOUFLAGE_NAMES)
_OTHERS = "camouflaged animal background road sky red green a photo of the"
_WORDS = sorted({word for name in (*_NAMES, _OTHERS) for word in name.split()})


def save_tiny_encoder(folder, seed=0):
    """An untrained encoder of 32 x 32 images that knows the words of small data sets."""
    text = {"context_length": 16, "vocab_size": len(_WORDS) + 3, "width": 32, "heads": 2}
    vision = {"layers": 7, "width": 32, "head_width": 16, "image_size": SIDE, "patch_size": PATCH}
    model = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": {**text, "layers": 1}}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build(model)
    folder.mkdir(parents=True)
    config = {"model_cfg": model, "preprocess_cfg": {"size": SIDE}, "words": _WORDS}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_file(module.state_dict(), folder / "open_clip_model.safetensors")
    return f"open_clip-dir:{folder}"


def picture(labels):
    """The picture of a map of labels."""
    labels = np.asarray(labels)
    pixels = np.stack([labels * STEP, 255 - labels * STEP, labels * 7], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def quarters(values=(0, 1, 2, 1), side=SIDE):
    """A map of labels with one in each quarter."""
    return np.kron(np.reshape(values, (2, 2)), np.ones((side // 2, side // 2), dtype=int))


def stripes(values=(0, 1, 2, 1), side=SIDE):
    """A map of labels in four columns: no corner where three meet, which resizing rounds off."""
    return np.tile(np.repeat(values, side // 4), (side, 1))


def label_map(labels, background=None):
    return LabelMap(np.asarray(labels).astype(np.uint8), background)


def write_labelled(image, truth, labels):
    """A picture and its truth; void (255) looks like class 6."""
    for path in (image, truth):
        path.parent.mkdir(parents=True, exist_ok=True)
    picture(np.minimum(labels, 6)).save(image)
    Image.fromarray(np.asarray(labels).astype(np.uint8)).save(truth)


def write_voc(root, labels_by_id, *, year=2012, kind=""):
    """VOC 2012, or Context with its year and kind, with these maps of labels."""
    home = root / "VOCdevkit" / f"VOC{year}"
    for name, labels in labels_by_id.items():
        truth = home / f"SegmentationClass{kind}" / f"{name}.png"
        write_labelled(home / "JPEGImages" / f"{name}.jpg", truth, labels)
    lists = home / "ImageSets" / f"Segmentation{kind}"
    write_text(lists / "val.txt", "\n".join(labels_by_id) + "\n")
    return home


def tiny_viewer(methods=("raw",)):
    encoder = tiny_dual_encoder("vit")
    prompts = PromptEnsemble(encoder, ["{}"])
    return Viewer(encoder, prompts, {name: map_method(name) for name in methods}, SIDE)


def all_knowing(viewer, monkeypatch, class_names, *, sign=1, step=1):
    """Make the viewer's maps the truth (sign 1), or its opposite (sign -1).

    `step` is the side of the patches whose upper left pixel the maps read.
    """

    def maps(self, method, pixels, asked):
        red = (pixels[:, 0, ::step, ::step] * 0.25 + 0.5) * 255
        labels = (red / STEP).round().long()
        own = [class_names.index(name) for name in asked.names]
        is_there = torch.stack([(labels == each).float() for each in own], dim=1)
        return TextMaps(sign * is_there, is_there.amax(dim=(2, 3)))

    monkeypatch.setattr(Viewer, "maps", maps)
    return viewer
