"""What do maps for texts cost, beside a plain forward pass and beside how others make them?

An untrained ViT-B/16 in open_clip, at 224 and 512 pixels, with 59 texts. Run `python
benchmarks/surgery_speed.py`, alone on two cores, about five minutes. One check needs
pytorch-grad-cam, which may lie anywhere on PYTHONPATH and fails where it does not: `pip install
--no-deps --target FOLDER grad-cam ttach opencv-python-headless`.
"""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import torch
from _published import best_seconds
from _record import Check, at_least, at_most, record
from torch import Tensor, nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from seewhy.methods.text_maps.catalogue import map_method
from seewhy.methods.text_maps.features import class_weights, scaled, similarities, without_common
from seewhy.methods.text_maps.forward import channel_site, cosines, embedded
from seewhy.methods.text_maps.method import Asked
from seewhy.methods.text_maps.tokens import Surgery, surgery_tokens
from seewhy.models.guard import inference
from seewhy.models.load import load_model
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.placed_maps import over_input
from seewhy.models.towers import Tower, image_tower, patch_grid
from seewhy.passes.prompts import PromptEnsemble

SEED = 0
THREADS = 2
SIZES = (224, 512)
TEXTS = 59
NAMED = ("grad-cam", "relevance", "rollout", "attention", "raw", "maskclip")

Findings = tuple[list[Check], dict[str, object]]
"""Figures with targets, and all others."""


@dataclass(frozen=True)
class Peer:
    """How long pytorch-grad-cam takes, and how far our Grad-CAM lies from its own."""

    seconds: float
    difference: float


ABSENT = Peer(seconds=0.0, difference=1.0)


@dataclass(frozen=True)
class Subject:
    """An encoder, random images by their side, and texts of its joint space."""

    encoder: OpenClipEncoder
    tower: Tower
    texts: Tensor
    times: int

    @classmethod
    def made(cls, times: int) -> "Subject":
        """Untrained: the weights' values decide no time."""
        encoder = load_model("open_clip:ViT-B-16/random-weights", seed=SEED)
        texts = functional.normalize(noise(TEXTS, 512), dim=-1)
        return cls(encoder, image_tower(encoder), texts, times)

    def asked(self, texts: int) -> Asked:
        """The first few texts, with the empty one encoded beforehand."""
        names = tuple(f"text {number}" for number in range(texts))
        prompts = PromptEnsemble(self.encoder, ["{}"])
        prompts.embeddings([""])
        return Asked(names, (), self.texts[:texts], prompts)

    def seconds(self, call: Callable[[], object]) -> float:
        """The fastest of some calls."""
        return best_seconds(call, times=self.times)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(SEED))


def tokens_against_a_forward(subject: Subject, pixels: Tensor) -> Findings:
    """All tokens of the rerouted stream, beside the image embedding alone at the same size."""
    with inference(subject.encoder.module):
        plain = subject.seconds(lambda: embedded(subject.tower, pixels, {}))
        rerouted = subject.seconds(lambda: surgery_tokens(subject.tower, pixels, Surgery(depth=6)))
    size = pixels.shape[-1]
    ratio = rerouted / plain
    return [at_most(f"surgery tokens, {size} px, in plain forward passes", ratio, 1.3)], {
        f"plain forward pass, {size} px, s": plain,
        f"surgery tokens, {size} px, s": rerouted,
    }


def product_form(features: Tensor, texts: Tensor, weights: Tensor) -> Tensor:
    """Feature surgery by all products of an image's and a text's channels, as published."""
    products = features[:, :, None] * texts * weights[:, None, :, None]
    return (products - products.mean(dim=2, keepdim=True)).sum(dim=-1)


def features_against_products(subject: Subject, tokens: int) -> Findings:
    """The same maps from the same tokens and class weights, with and without all products."""
    features = functional.normalize(noise(1, tokens, subject.texts.shape[1]), dim=-1)
    weights = class_weights(similarities(features[:, :1], subject.texts)[:, 0])

    def ours() -> Tensor:
        return without_common(similarities(features, subject.texts), weights)

    def theirs() -> Tensor:
        return product_form(features, subject.texts, weights)

    with torch.inference_mode():
        slow, quick = subject.seconds(theirs), subject.seconds(ours)
        large, small = peak_bytes(theirs), peak_bytes(ours)
        difference = float((ours() - theirs()).abs().max())
    return [
        at_least("feature surgery, times faster than by products", slow / quick, 50),
        at_least("feature surgery, times less memory than by products", large / small, 50),
        at_most("feature surgery, largest difference to products", difference, 1e-6),
    ], {
        "tokens": tokens,
        "by products, s": slow,
        "feature surgery, s": quick,
        "by products, bytes at the peak": large,
        "feature surgery, bytes at the peak": small,
    }


def peak_bytes(call: Callable[[], object]) -> int:
    """The most memory that a call holds at once beyond what was there, by torch's allocator."""
    call()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        call()
    results: Any = profiled.profiler
    events = [each for each in results.kineto_results.events() if each.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda each: each.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


class Similarities(nn.Module):
    """An encoder as the classifier of texts that pytorch-grad-cam expects."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.visual, self.subject = subject.tower.visual, subject

    def forward(self, pixels: Tensor) -> Tensor:
        """One similarity per image and text."""
        return cosines(embedded(self.subject.tower, pixels, {}), self.subject.texts)


def maps_against_grad_cam(subject: Subject, pixels: Tensor) -> Findings:
    """A map for one text, ready over the patches; beside pytorch-grad-cam's over the input."""
    size, asked = pixels.shape[-1], subject.asked(1)
    own = {
        name: subject.seconds(partial(map_method(name).maps, subject.encoder, pixels, asked))
        for name in ("clip-surgery", *NAMED)
    }
    peer = beside_peer(subject, pixels) if find_spec("pytorch_grad_cam") else ABSENT
    return [
        at_least(
            f"surgery map for one text, {size} px, times faster than pytorch-grad-cam",
            peer.seconds / own["clip-surgery"],
            1,
        ),
        at_most(
            f"Grad-CAM, {size} px, largest difference to pytorch-grad-cam", peer.difference, 1e-3
        ),
    ], {
        f"pytorch-grad-cam, {size} px, s": "is not installed" if peer is ABSENT else peer.seconds,
        f"a map for one text, {size} px, s": own,
    }


def beside_peer(subject: Subject, pixels: Tensor) -> Peer:
    """pytorch-grad-cam's GradCAM at the same place of the same model, used as it documents."""
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    grid = patch_grid(subject.tower, pixels)
    layer = subject.tower.visual.get_submodule(channel_site(subject.tower))

    def patches(tokens: Tensor) -> Tensor:
        return tokens[:, 1:].transpose(1, 2).unflatten(2, grid)

    with GradCAM(Similarities(subject), [layer], reshape_transform=patches) as method:
        targets = [ClassifierOutputTarget(0)]
        theirs = torch.from_numpy(method(pixels, targets))
        seconds = subject.seconds(lambda: method(pixels, targets))
    ours = map_method("grad-cam").maps(subject.encoder, pixels, subject.asked(1)).maps
    # Theirs goes from 0 to 1 once more after resizing, which flattens peaks inside the image.
    drawn = scaled(over_input(ours, tuple(pixels.shape[2:])))[:, 0]
    return Peer(seconds, float((drawn - theirs).abs().max()))


def measure(sizes: tuple[int, ...], times: int) -> Findings:
    subject, load = Subject.made(times), os.getloadavg()
    checks: list[Check] = []
    details: dict[str, object] = {}
    findings = [features_against_products(subject, 1 + (max(sizes) // 16) ** 2)]
    for size in sizes:
        pixels = noise(1, 3, size, size)
        findings.append(tokens_against_a_forward(subject, pixels))
        findings.append(maps_against_grad_cam(subject, pixels))
    for found, more in findings:
        checks += found
        details |= more
    return checks, details | {
        "texts": TEXTS,
        "seed": SEED,
        "threads": torch.get_num_threads(),
        "pytorch-grad-cam": version("grad-cam") if find_spec("pytorch_grad_cam") else None,
        "load average before and after": [load[0], os.getloadavg()[0]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--times", type=int, default=7, help="of which the fastest counts")
    parser.add_argument("--dry", action="store_true", help="print the checks and write nothing")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    checks, details = measure(tuple(options.sizes), options.times)
    if options.dry:
        print(*checks, details, sep="\n")
    else:
        record(__file__, checks, details=details)


if __name__ == "__main__":
    main()
