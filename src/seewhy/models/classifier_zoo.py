"""Classifiers of torchvision and timm: architecture, preprocessing, class names, weights."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import fit_weights, misfits, read_weights
from seewhy.models.downloads import Published, weights_file
from seewhy.models.names import ModelName, suggestion
from seewhy.models.preprocessing import Preprocessing, Resize, per_channel

_WARN_WITHOUT_INIT = ("googlenet", "inception_v3")
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Architecture:
    """What a library knows under one name.

    `build` makes the untrained module for a number of classes (None: as published); `classes`
    belong to the published weights.
    """

    build: Callable[[int | None], nn.Module]
    preprocessing: Preprocessing
    classes: tuple[str, ...] | None
    published: Published


def architecture(name: ModelName) -> Architecture:
    """Look a name up; raises `UsageError` with the nearest names when there is none."""
    return _torchvision(name) if name.family == "torchvision" else _timm(name)


def seeded(known: Architecture, classes: int | None, *, seed: int) -> nn.Module:
    """An untrained module whose weights depend on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return known.build(classes)


def trained(
    known: Architecture, path: Path, *, classes: Sequence[str] | None, source: str
) -> nn.Module:
    """The architecture with the weights of a file; the file says how many classes there are."""
    weights = read_weights(path)
    module = seeded(known, None if classes is None else len(classes), seed=0)
    found = None if classes is not None else _other_head(module, weights)
    if found is not None:
        module = seeded(known, found, seed=0)
    fit_weights(module, weights, source=source)
    return module


def published_file(known: Architecture, *, allow_download: bool) -> Path:
    """The file of the published weights."""
    return weights_file(known.published, allow_download=allow_download)


def _other_head(module: nn.Module, weights: Mapping[str, Tensor]) -> int | None:
    """The classes of a head with another number of rows, if that is all that differs."""
    differences = misfits(module, weights)
    held = module.state_dict()
    rows = {
        len(weights[name])
        for name in differences.misshaped
        if weights[name].shape[1:] == held[name].shape[1:]
    }
    only_the_head = not (differences.missing or differences.extra) and len(rows) == 1
    return rows.pop() if only_the_head else None


def _unknown(name: ModelName, known: Sequence[str]) -> UsageError:
    return UsageError(
        f"{name.family} has no classifier {name.architecture!r}. "
        f"{suggestion(name.architecture, known)}It has {len(known)}."
    )


def _torchvision(name: ModelName) -> Architecture:
    from torch.hub import get_dir
    from torchvision import models

    known = models.list_models(module=models)
    if name.architecture not in known:
        raise _unknown(name, known)
    choices = models.get_model_weights(name.architecture)
    weights = choices["DEFAULT"]
    if name.weights and not name.is_random:
        if name.weights not in choices.__members__:
            raise _no_such_weights(name, list(choices.__members__))
        weights = choices[name.weights]
    transform = weights.transforms()

    def build(classes: int | None) -> nn.Module:
        options: dict[str, Any] = {} if classes is None else {"num_classes": classes}
        if name.architecture in _WARN_WITHOUT_INIT:
            options["init_weights"] = True
        module: nn.Module = models.get_model(name.architecture, weights=None, **options)
        return module

    return Architecture(
        build=build,
        preprocessing=Preprocessing(
            size=transform.crop_size[0],
            resize_to=transform.resize_size[0],
            interpolation=transform.interpolation.value,
            mean=per_channel(transform.mean),
            std=per_channel(transform.std),
        ),
        classes=_distinct(weights.meta["categories"]),
        published=Published(
            name=f"{name.base}/{weights.name}",
            url=weights.url,
            folder=Path(get_dir()) / "checkpoints",
        ),
    )


def _no_such_weights(name: ModelName, known: Sequence[str]) -> UsageError:
    return UsageError(
        f"{name.base} has no weights {name.weights!r}. {suggestion(name.weights, known)}"
        f"There are: {', '.join(known)}; or random-weights."
    )


def _timm(name: ModelName) -> Architecture:
    import timm

    if not timm.is_model(name.architecture):
        raise _unknown(name, timm.list_models())
    if name.weights and not name.is_random:
        raise UsageError(
            f"timm's weights are named after a dot: timm:{name.architecture}.{name.weights}."
        )
    try:
        config = timm.get_pretrained_cfg(name.architecture)
    except RuntimeError as error:
        base = name.architecture.partition(".")[0]
        known = timm.list_pretrained(f"{base}.*")
        raise _unknown(name, known) from error
    settings: dict[str, Any] = asdict(config) if config is not None else {}

    def build(classes: int | None) -> nn.Module:
        options: dict[str, Any] = {} if classes is None else {"num_classes": classes}
        module: nn.Module = timm.create_model(name.architecture, pretrained=False, **options)
        return module

    return Architecture(
        build=build,
        preprocessing=_timm_preprocessing(settings, name),
        classes=_timm_classes(settings),
        published=Published(
            name=name.base,
            repository=settings.get("hf_hub_id") or "",
            files=(settings["hf_hub_filename"],) if settings.get("hf_hub_filename") else _HUB_FILES,
            url=settings.get("url") or "",
            folder=Path(torch.hub.get_dir()) / "checkpoints",
        ),
    )


def _timm_preprocessing(settings: Mapping[str, Any], name: ModelName) -> Preprocessing:
    from timm.data.config import resolve_data_config

    resolved: Any = resolve_data_config
    config = resolved(pretrained_cfg=dict(settings) or {"input_size": (3, 224, 224)})
    channels, height, width = config["input_size"]
    if channels != 3:
        raise UsageError(f"{name.base} takes {channels} channels; only colour images are given.")
    ways: dict[str, Resize] = {"center": "shortest", "squash": "squash", "border": "longest"}
    before_crop = tuple(math.floor(side / config["crop_pct"]) for side in (height, width))
    return Preprocessing(
        size=height if height == width else (height, width),
        resize=ways[config["crop_mode"]],
        resize_to=before_crop[0] if height == width else before_crop,
        interpolation=config["interpolation"],
        mean=per_channel(config["mean"]),
        std=per_channel(config["std"]),
    )


def _timm_classes(settings: Mapping[str, Any]) -> tuple[str, ...] | None:
    from timm.data.imagenet_info import ImageNetInfo

    if settings.get("label_names"):
        return _distinct(settings["label_names"])
    if settings.get("num_classes") != 1000 or "in1k" not in str(settings.get("tag")):
        return None
    names = ImageNetInfo()
    return _distinct([names.index_to_description(index) for index in range(1000)])


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names that occur more than once get their number."""
    counts = Counter(names)
    return tuple(
        f"{name} ({index})" if counts[name] > 1 else name for index, name in enumerate(names)
    )
