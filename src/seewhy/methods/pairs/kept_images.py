"""What one network keeps of an image: another image, with the same features."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.methods.pairs.inversion import Inversion, Inverted, invert
from seewhy.methods.pairs.pixel_space import PixelSpace
from seewhy.methods.pairs.site_features import Progress, features_at
from seewhy.methods.pairs.synthesis import check_pixels, seeded, start_like
from seewhy.models.guard import device_of, differentiation
from seewhy.models.image_encoders import ImageEncoder


@dataclass(frozen=True, eq=False)
class KeptImages:
    """The images given, and those drawn again from their features: from 0 to 1, on the CPU."""

    given: Pixels
    inverted: Inverted

    @property
    def misses(self) -> Float[Tensor, "batch height width"]:
        """How far each pixel is off, mean over the colours."""
        return (self.inverted.images - self.given).abs().mean(dim=1)


@dataclass(frozen=True)
class Keeping:
    """Images are drawn again from the output of `site`, from noise around mid-grey on.

    The noise is normal, `start_scale` wide, from `seed`. With the published inversion it lies
    around black, and what the model is given is bounded to 0..1 whatever its mean and deviation;
    by default that is the image, which is normalised on the way in.
    """

    site: str | None = None
    inversion: Inversion = field(default_factory=Inversion)
    start_scale: float = 0.01
    seed: int = 0

    def keep(
        self,
        encoder: ImageEncoder,
        pixels: Pixels,
        *,
        start: Pixels | None = None,
        progress: Progress | None = None,
    ) -> KeptImages:
        """One image per given one, these as the model takes them; they do not see each other.

        `start` is one's own, from 0 to 1. Raises `UsageError` for a site that does not exist,
        `DataError` with the code "non_finite" for NaN or infinity. The model is left as found.
        """
        check_pixels(pixels)
        is_published = self.inversion.protocol == "published"
        space = PixelSpace.identity() if is_published else PixelSpace.of(encoder)
        given = space.to_images(pixels.to(device_of(encoder.module), torch.float32))
        begun = self._start(given) if start is None else start.to(given)
        features = space.features(features_at(encoder, self.site))
        with differentiation(encoder.module):
            with torch.no_grad():
                target = features(given)
            found = invert(features, target, begun, how=self.inversion, progress=progress)
        on_cpu = Inverted(found.images.cpu(), found.losses.cpu(), found.errors.cpu())
        return KeptImages(given.cpu(), on_cpu)

    def _start(self, given: Pixels) -> Pixels:
        drawn = torch.randn(1, *given.shape[1:], generator=seeded(self.seed))
        middle = 0.0 if self.inversion.protocol == "published" else 0.5
        return start_like(given, middle + drawn * self.start_scale)
