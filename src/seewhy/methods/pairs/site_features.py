"""What a network has made of images when one of its submodules is done."""

from collections.abc import Callable

from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import InternalError, SeewhyError
from seewhy.models.image_encoders import ImageEncoder
from seewhy.taps.hooks import on_outputs

Features = Callable[[Pixels], Tensor]
"""Pixels to features (batch, ...), with gradients back to the pixels."""

Progress = Callable[[int, int], None]
"""Called after each step with the steps done and the steps in all."""


class _ReachedError(SeewhyError):
    """No error: the forward pass has come as far as it is wanted."""


def features_at(encoder: ImageEncoder, site: str | None = None) -> Features:
    """The output of a submodule; of `encoder.site` by default, or the embeddings without one.

    Nothing behind the submodule is computed. The functions raise `UsageError` for a submodule that
    does not exist, is not called or gives no tensor, and where the model fails. Mode and gradients
    of the model are the caller's (`models.guard`).
    """
    name = site or encoder.site
    if name is None:
        return encoder.embed

    def features(pixels: Pixels) -> Tensor:
        reached: list[Tensor] = []

        def stop(output: Tensor) -> None:
            reached.append(output)
            raise _ReachedError

        try:
            with on_outputs(encoder.module, {name: stop}):
                encoder.embed(pixels)
        except _ReachedError:
            return reached[0].float()
        raise InternalError(f"submodule {name!r} of {encoder.name} was passed without a stop.")

    return features


def site_name(encoder: ImageEncoder, site: str | None) -> str:
    """The same choice in words."""
    return site or encoder.site or "embedding"
