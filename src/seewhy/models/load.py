"""From a name to a model."""

from collections.abc import Sequence

import torch

from seewhy.base.errors import UsageError
from seewhy.models.classifier_folder import load_classifier
from seewhy.models.classifier_zoo import architecture, published_file, seeded, trained
from seewhy.models.classifiers import Classifier
from seewhy.models.names import ModelName
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.openclip_zoo import load_architecture, load_folder


def load_model(
    name: str,
    *,
    device: str = "cpu",
    allow_download: bool = False,
    seed: int = 0,
    classes: Sequence[str] | None = None,
) -> OpenClipEncoder | Classifier:
    """Load a classifier or a dual encoder by name.

    | name | what it loads |
    |---|---|
    | `open_clip:ARCH/TAG` | published weights, e.g. `open_clip:RN50/openai` |
    | `open_clip-dir:FOLDER` | `open_clip_config.json` beside the weights |
    | `embedded:NAME` | an encoder that ships: `clip-resnet`, `clip-vit`, `clip-objects` |
    | `torchvision:ARCH`, `torchvision:ARCH/WEIGHTS` | published weights |
    | `timm:ARCH`, `timm:ARCH.TAG` | published weights |
    | `classifier-dir:FOLDER` | a classifier written by `save_classifier` |
    | `FAMILY:ARCH@PATH` | a weights file; FAMILY is open_clip, timm or torchvision |
    | `file:PATH?arch=FAMILY:ARCH` | the same |
    | `FAMILY:ARCH/random-weights` | untrained weights that depend on `seed` alone |

    Published weights come from this machine's caches; only `allow_download` uses the network.
    `device` "auto" takes an accelerator where there is one. `classes` names a classifier's
    classes in the order of its scores. Raises `UsageError` for unknown names, with the nearest,
    and for weights that do not fit.
    """
    parsed = ModelName.parse(name)
    if parsed.family in ("ssl", "ssl-dir"):
        raise UsageError(
            f"{name} is an encoder of images alone: it knows no texts and no classes. Methods that "
            "compare images load it with `load_image_encoder`."
        )
    place = checked_device(device)
    model: OpenClipEncoder | Classifier
    if parsed.family in ("open_clip", "open_clip-dir", "embedded"):
        if classes is not None:
            raise UsageError(f"{name} is no classifier, so it has no classes. Leave them out.")
        model = _encoder(parsed, allow_download=allow_download, seed=seed)
    else:
        model = _classifier(parsed, allow_download=allow_download, seed=seed, classes=classes)
    model.module.to(place)
    return model


def load_dual_encoder(
    name: str, *, device: str = "cpu", allow_download: bool = False, seed: int = 0
) -> OpenClipEncoder:
    """The same for what has to understand texts; raises `UsageError` for a classifier."""
    model = load_model(name, device=device, allow_download=allow_download, seed=seed)
    if not isinstance(model, OpenClipEncoder):
        raise UsageError(
            f"{name} is a classifier and understands no texts. Name a dual encoder, such as "
            "embedded:clip-objects or open_clip:ViT-B-16/openai."
        )
    return model


def checked_device(device: str) -> torch.device:
    """The device of a name, "auto" the best there is; `UsageError` if it cannot be used."""
    if device == "auto":
        device = _best_device()
    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        first_line = (str(error).splitlines() or [""])[0]
        raise UsageError(f"device {device!r} cannot be used: {first_line} Try 'cpu'.") from error
    return place


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _encoder(name: ModelName, *, allow_download: bool, seed: int) -> OpenClipEncoder:
    if name.family == "embedded":
        from seewhy.models.embedded import load_embedded

        return load_embedded(name.architecture)
    if name.path is not None and name.family == "open_clip-dir":
        return load_folder(name.path)
    return load_architecture(name, allow_download=allow_download, seed=seed)


def _classifier(
    name: ModelName, *, allow_download: bool, seed: int, classes: Sequence[str] | None
) -> Classifier:
    if name.path is not None and name.family == "classifier-dir":
        return _renamed(load_classifier(name.path), classes)
    known = architecture(name)
    full_name = f"{name.base}@{name.path}" if name.path else known.published.name
    notes: tuple[str, ...] = ()
    if name.is_random:
        module = seeded(known, None if classes is None else len(classes), seed=seed)
        full_name = f"{name.base}/{name.weights}"
        notes = (f"untrained: random weights of seed {seed}",)
    else:
        path = name.path or published_file(known, allow_download=allow_download)
        module = trained(known, path, classes=classes, source=full_name)
        classes = known.classes if name.path is None and classes is None else classes
    return Classifier(
        module.eval(), preprocess=known.preprocessing, classes=classes, name=full_name, notes=notes
    )


def _renamed(classifier: Classifier, classes: Sequence[str] | None) -> Classifier:
    if classes is None:
        return classifier
    if len(classes) != len(classifier.classes):
        raise UsageError(
            f"{classifier.name} has {len(classifier.classes)} classes, not {len(classes)}: "
            f"{', '.join(classifier.classes)}."
        )
    return Classifier(
        classifier.module,
        preprocess=classifier.preprocessing,
        classes=classes,
        name=classifier.name,
    )
