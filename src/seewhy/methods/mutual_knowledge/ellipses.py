"""Ellipses through or around points of the plane: formulas."""

from dataclasses import dataclass
from math import cos, pi, radians, sin

import numpy as np
from jaxtyping import Float, Int

Places = Float[np.ndarray, "points 2"]

_FLAT = 1e-9


@dataclass(frozen=True)
class Ellipse:
    """Centre (x, y) in pixels, both full axes, and the angle of the first in degrees.

    x goes right, y down, and pixel centres are whole numbers. The first axis is the shorter one;
    its angle is 0 to 180, from x towards y.
    """

    centre: tuple[float, float]
    axes: tuple[float, float]
    angle: float

    @property
    def area(self) -> float:
        """In square pixels."""
        return pi / 4 * self.axes[0] * self.axes[1]

    def points(self, count: int) -> Places:
        """Points at equal steps of the parameter, from the end of the first axis on."""
        steps = 2 * pi / count * np.arange(count)
        along, beside = (np.cos(steps) * self.axes[0] / 2, np.sin(steps) * self.axes[1] / 2)
        across, down = cos(radians(self.angle)), sin(radians(self.angle))
        x = self.centre[0] + along * across - beside * down
        y = self.centre[1] + along * down + beside * across
        return np.stack([x, y], axis=1)


def fitted_ellipse(places: Places, weights: Int[np.ndarray, " points"]) -> Ellipse | None:
    """The algebraic least-squares ellipse in two steps; None where the best conic is none.

    First a x^2 + b y^2 + c x y + d x + e y = 1 about the mean of the points gives the centre, then
    a x^2 + b y^2 + c x y = 1 about that centre gives axes and angle. Points weigh as often as they
    count. It is no geometric fit: the residual is the conic's value, not a distance.
    """
    middle = np.average(places, axis=0, weights=weights)
    scale = float(np.abs(places - middle).max())
    if scale == 0:
        return None
    unit = (places - middle) / scale
    x, y = unit.T
    conic = _solved(np.stack([x * x, y * y, x * y, x, y], axis=1), weights)
    if not _is_definite(conic):
        return None
    centre = np.linalg.solve(_form(conic), -conic[3:] / 2)
    x, y = (unit - centre).T
    centred = _solved(np.stack([x * x, y * y, x * y], axis=1), weights)
    if not _is_definite(centred):
        return None
    stretches, directions = np.linalg.eigh(_form(centred))
    shorter, longer = 2 * scale / np.sqrt(stretches[::-1])
    return _ellipse(middle + scale * centre, (shorter, longer), directions[:, 1])


def moments_ellipse(places: Places) -> Ellipse:
    """The ellipse with the mean and second moments of pixels, each a square of side one."""
    middle = places.mean(axis=0)
    spread = (places - middle).T @ (places - middle) / len(places) + np.eye(2) / 12
    variances, directions = np.linalg.eigh(spread)
    shorter, longer = 4 * np.sqrt(variances)
    return _ellipse(middle, (shorter, longer), directions[:, 0])


def _solved(
    design: Float[np.ndarray, "points terms"], weights: Int[np.ndarray, " points"]
) -> Float[np.ndarray, " terms"]:
    """Terms whose sum is nearest to 1 at every point."""
    roots = np.sqrt(weights.astype(np.float64))
    return np.asarray(np.linalg.lstsq(design * roots[:, None], roots, rcond=None)[0])


def _form(conic: Float[np.ndarray, " terms"]) -> Float[np.ndarray, "2 2"]:
    a, b, c = conic[:3]
    return np.array([[a, c / 2], [c / 2, b]])


def _is_definite(conic: Float[np.ndarray, " terms"]) -> bool:
    low, high = np.linalg.eigvalsh(_form(conic))
    return bool(low > _FLAT * abs(high))


def _ellipse(
    centre: Float[np.ndarray, "2"], axes: tuple[float, float], first: Float[np.ndarray, "2"]
) -> Ellipse:
    x, y = centre
    shorter, longer = axes
    # A circle's axes point anywhere.
    angle = (
        0.0 if longer - shorter < _FLAT * longer else float(np.degrees(np.arctan2(*first[::-1])))
    )
    return Ellipse((float(x), float(y)), (float(shorter), float(longer)), round(angle, 9) % 180)
