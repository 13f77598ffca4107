"""Rows beside the images that they belong to: what is kept once an image is never repeated."""

from typing import TypeVar

from jaxtyping import Float, Shaped
from torch import Tensor

from seewhy.base.errors import InternalError
from seewhy.models.editing.stepping import Rows

Kind = TypeVar("Kind", bound=Rows)


def grouped(
    tensor: Shaped[Tensor, "rows *rest"], images: int
) -> Shaped[Tensor, "{images} each *rest"]:
    """The rows of each image side by side; as many for every image."""
    if len(tensor) % images:
        raise InternalError(f"{len(tensor)} rows are no equal numbers for {images} images.")
    return tensor.reshape(images, len(tensor) // images, *tensor.shape[1:])


def added(
    tensor: Float[Tensor, "rows dim"], of_images: Float[Tensor, "images dim"]
) -> Float[Tensor, "rows dim"]:
    """To each row what its image has."""
    if len(tensor) == len(of_images):
        return tensor + of_images
    return (grouped(tensor, len(of_images)) + of_images[:, None]).flatten(0, 1)


def of_kind(rows: Rows, kind: type[Kind]) -> Kind:
    """The same rows, known to be of this kind; a network gets back only what it gave."""
    if not isinstance(rows, kind):
        raise InternalError(f"a network was given {type(rows).__name__}; it gave {kind.__name__}.")
    return rows
