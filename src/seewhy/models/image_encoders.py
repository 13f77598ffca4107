"""Any network that turns images into embeddings, with the maps that they are made from."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from seewhy.base.axes import Maps, OnePixels, Pixels
from seewhy.base.errors import SeewhyError, UsageError
from seewhy.models.classifiers import Preprocess
from seewhy.models.guard import device_of, input_dtype
from seewhy.models.names import suggestion

RawEmbeddings = Float[Tensor, "batch embed"]


@dataclass(frozen=True, eq=False)
class MappedEmbeddings:
    """Embeddings, and what they were computed from on the way.

    `source` is an output inside the network, (batch, channels, rows, cols) or (batch, tokens,
    channels); gradients of the embeddings begin at it. `grid` is the rows and columns of its maps.
    """

    embeddings: RawEmbeddings
    source: Tensor
    grid: tuple[int, int]

    def maps(self, values: Tensor) -> Maps:
        """The source, or its gradient, as maps in float32; tokens of no place are left out."""
        rows, cols = self.grid
        if values.ndim == 4:
            return values.float()
        patches = values[:, values.shape[1] - rows * cols :].float()
        return patches.transpose(1, 2).reshape(len(patches), -1, rows, cols)


@final
class ImageEncoder:
    """An `nn.Module` from images to embeddings (batch, embed), which need not be of unit length.

    `site` names the submodule whose output holds the maps: the last convolution of a ResNet, or
    what the attention of a transformer's last block reads, with `patch` its patches' height and
    width. Without a site, methods that need maps refuse it. `preprocess` is as a `Classifier`'s.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        preprocess: Preprocess,
        name: str = "",
        site: str | None = None,
        patch: tuple[int, int] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        submodules = dict(module.named_modules(remove_duplicate=False))
        if site is not None and site not in submodules:
            raise UsageError(
                f"no submodule {site!r} in {type(module).__name__}. {suggestion(site, submodules)}"
                f"`dict(module.named_modules())` lists all {len(submodules)}."
            )
        self.module = module
        self.name = name or type(module).__name__
        self.site = site
        self.patch = patch
        self.notes = tuple(notes)
        self.preprocessing = preprocess

    def preprocess(self, image: Image.Image) -> OnePixels:
        """One decoded RGB image to the module's input."""
        return self.preprocessing(image)

    def embed(self, pixels: Pixels) -> RawEmbeddings:
        """Embeddings in float32 on the module's device, not brought to unit length.

        Gradients flow back to the pixels where they are asked for: the mode and the gradients of
        the module are the caller's (`models.guard`). Raises `UsageError` when the module fails.
        """
        pixels = pixels.to(device_of(self.module), input_dtype(self.module))
        try:
            found = self.module(pixels)
        except (SeewhyError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # the user's own code may raise anything
            raise UsageError(
                f"{self.name} failed on a batch of shape {tuple(pixels.shape)} "
                f"({type(error).__name__}: {error}). Check that the size and `preprocess` are the "
                "model's own."
            ) from error
        return self._checked(found, images=len(pixels))

    def embed_maps(self, pixels: Pixels) -> MappedEmbeddings:
        """The same with the maps of `site`, at which gradients begin.

        Raises `UsageError` for an encoder without a site, or whose site gives no maps.
        """
        if self.site is None:
            raise UsageError(
                f"{self.name} names no submodule with maps, which this method needs. Give "
                "ImageEncoder(..., site='layer4'), or ask for a method by occlusion."
            )
        kept: list[Tensor] = []

        def keep(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
            if not isinstance(output, Tensor):
                raise UsageError(
                    f"submodule {self.site!r} of {self.name} gave {type(output).__name__}, not a "
                    "tensor. Name a submodule inside or after it."
                )
            kept.append(output.detach().requires_grad_())
            # A copy, as what follows may write into it.
            return kept[-1].clone()

        with torch.enable_grad(), ExitStack() as undo:
            hook = self.module.get_submodule(self.site).register_forward_hook(keep)
            undo.callback(hook.remove)
            embeddings = self.embed(pixels)
        if len(kept) != 1:
            raise UsageError(
                f"submodule {self.site!r} of {self.name} was called {len(kept)} times in a forward "
                "pass; wanted once. Name another one."
            )
        return MappedEmbeddings(embeddings, kept[0], self._grid(kept[0], pixels))

    def _grid(self, source: Tensor, pixels: Pixels) -> tuple[int, int]:
        if source.ndim == 4:
            return source.shape[2], source.shape[3]
        if source.ndim != 3 or self.patch is None:
            raise UsageError(
                f"submodule {self.site!r} of {self.name} gives shape {tuple(source.shape)}; wanted "
                "(batch, channels, rows, cols), or (batch, tokens, channels) and `patch`."
            )
        (high, wide), (height, width) = self.patch, pixels.shape[2:]
        return height // high, width // wide

    def _checked(self, found: Any, *, images: int) -> RawEmbeddings:
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != images:
            given = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise UsageError(
                f"{self.name} gave {given} for {images} images; wanted embeddings "
                f"({images}, channels)."
            )
        return found.float()
