"""Any image classifier, as the audit sees it."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from typing import Any, final

import torch
from PIL import Image
from torch import Tensor, nn

from seewhy.base.axes import Logits, OnePixels, Pixels
from seewhy.base.errors import SeewhyError, UsageError
from seewhy.models.guard import device_of, inference
from seewhy.models.sites import Site

Preprocess = Callable[[Image.Image], Tensor]


@final
class Classifier:
    """An `nn.Module` that gives class scores, with its preprocessing and class names.

    `preprocess` turns a PIL image into the module's input (3, height, width): a
    `Preprocessing`, a torchvision transform or any function. Without `classes` they are called
    "class 0", "class 1", ... The module is left as it is found: mode, gradients, buffers, hooks.

    >>> from seewhy.models.preprocessing import Preprocessing
    >>> module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> Classifier(module, preprocess=Preprocessing(8)).classes
    ('class 0', 'class 1', 'class 2')
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        preprocess: Preprocess,
        classes: Sequence[str] | None = None,
        name: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        if not callable(preprocess):
            raise UsageError(
                f"preprocess is {type(preprocess).__name__}; wanted a function from a PIL image "
                "to a tensor (3, height, width)."
            )
        if any(parameter.is_meta for parameter in module.parameters()):
            raise UsageError(
                "the module's parameters hold no data (device meta). Load its weights."
            )
        self.module = module
        self.name = name or type(module).__name__
        self.notes = tuple(notes)
        self.preprocessing = preprocess
        self.classes = self._numbered() if classes is None else _checked_classes(classes)

    def preprocess(self, image: Image.Image) -> OnePixels:
        """One decoded RGB image to the module's input; raises `UsageError` for anything else."""
        pixels = self.preprocessing(image)
        if not isinstance(pixels, Tensor) or not pixels.is_floating_point():
            given = pixels.dtype if isinstance(pixels, Tensor) else type(pixels).__name__
            raise UsageError(f"preprocess of {self.name} gave {given}; wanted a float tensor.")
        if pixels.ndim != 3 or len(pixels) != 3:
            raise UsageError(
                f"preprocess of {self.name} gave shape {tuple(pixels.shape)}; wanted "
                "(3, height, width), without a batch axis."
            )
        return pixels

    def logits(self, pixels: Pixels) -> Logits:
        """Class scores before softmax, float32 on the CPU; no gradient is kept.

        Rows that are not finite are given back as they are: the caller marks those samples.
        Raises `UsageError` when the module gives no tensor of (batch, classes).
        """
        with inference(self.module):
            output = self._run(pixels)
            if output.shape[1] != len(self.classes):
                raise UsageError(
                    f"{self.name} gave {output.shape[1]} scores per image for "
                    f"{len(self.classes)} class names. Give one name per score, in their order."
                )
        # Tensors made in inference mode could not take part in later computations of gradients.
        return output.clone()

    def sites(self) -> tuple[Site, ...]:
        """The outputs of all 2-D convolutions, in forward order.

        Left out: convolutions that an image passes more than once or not at all, and those that
        only weigh channels (maps of 1 x 1 with larger ones after them: squeeze and excitation).
        """
        return self._sites

    @cached_property
    def _sites(self) -> tuple[Site, ...]:
        shapes: list[tuple[str, torch.Size]] = []
        with inference(self.module), ExitStack() as undo:
            for name, child in self.module.named_modules():
                if isinstance(child, nn.Conv2d):
                    hook = partial(_note_shape, name, shapes)
                    undo.callback(child.register_forward_hook(hook).remove)
            self._run(self._blank())
        calls = Counter(name for name, _ in shapes)
        sites = [
            Site(name)
            for position, (name, shape) in enumerate(shapes)
            if calls[name] == 1 and len(shape) == 4
            if _area(shape) > 1 or all(_area(later) == 1 for _, later in shapes[position:])
        ]
        if not sites:
            raise UsageError(
                f"{self.name} has no convolution that gives maps. Only convolutional networks "
                "can be grafted; the other rows of an audit need no sites."
            )
        return tuple(sites)

    def _numbered(self) -> tuple[str, ...]:
        with inference(self.module):
            return tuple(f"class {index}" for index in range(self._run(self._blank()).shape[1]))

    def _blank(self) -> Pixels:
        return self.preprocess(Image.new("RGB", (64, 64), (128, 128, 128)))[None]

    def _run(self, pixels: Pixels) -> Logits:
        dtypes = [each.dtype for each in self.module.parameters() if each.is_floating_point()]
        dtype = dtypes[0] if dtypes else pixels.dtype
        try:
            output = self.module(pixels.to(device_of(self.module), dtype))
        except (SeewhyError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # the user's own code may raise anything
            raise UsageError(
                f"{self.name} failed on a batch of shape {tuple(pixels.shape)} "
                f"({type(error).__name__}: {error}). Check that `preprocess` is the model's own."
            ) from error
        return self._checked(output, images=len(pixels))

    def _checked(self, output: Any, *, images: int) -> Logits:
        if not isinstance(output, Tensor):
            raise UsageError(
                f"{self.name} gave {type(output).__name__}, not a tensor. Wrap it in a module "
                "whose forward returns the class scores alone."
            )
        if output.ndim != 2 or len(output) != images or output.shape[1] < 2:
            raise UsageError(
                f"{self.name} gave shape {tuple(output.shape)} for {images} images; wanted "
                f"({images}, classes) with at least two classes."
            )
        return output.float().cpu()


def _note_shape(
    name: str,
    shapes: list[tuple[str, torch.Size]],
    _module: nn.Module,
    _inputs: Any,
    output: Tensor,
) -> None:
    shapes.append((name, output.shape))


def _area(shape: torch.Size) -> int:
    return shape[-2] * shape[-1]


def _checked_classes(classes: Sequence[str]) -> tuple[str, ...]:
    if isinstance(classes, str) or not all(isinstance(name, str) and name for name in classes):
        raise UsageError(f"classes are {classes!r}; wanted a list of names, one per score.")
    repeated = [name for name, count in Counter(classes).items() if count > 1]
    if repeated or len(classes) < 2:
        fault = f"{', '.join(repeated)} more than once" if repeated else f"only {list(classes)}"
        raise UsageError(f"classes name {fault}; wanted two or more different names.")
    return tuple(classes)
