"""Drawn scenes whose every attribute is known, with segmentation masks."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from seewhy.data.digits import Split, digit_indices, load_digit_glyphs

SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
DIGITS = tuple("0123456789")
KINDS = SHAPES + DIGITS
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (228, 26, 28),
    "green": (35, 185, 50),
    "blue": (38, 70, 230),
    "yellow": (245, 225, 35),
    "purple": (150, 45, 190),
    "orange": (250, 135, 20),
    "cyan": (40, 215, 225),
    "white": (245, 245, 245),
}
INKS = {"grey": (140, 140, 140), **COLOURS}
"""What objects can be painted in: the colours, and a grey that counts as none."""
BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "black": (10, 10, 10),
    "grey": (115, 115, 115),
    **COLOURS,
}
TEXTURES = ("plain", "striped", "dotted", "checkered")
SIZES: dict[str, tuple[float, float]] = {
    "small": (0.14, 0.165),
    "medium": (0.21, 0.25),
    "large": (0.31, 0.37),
}
"""Range of the radius, as a fraction of the image side."""
POSITIONS: dict[str, tuple[float, float]] = {
    "left": (0.0, 0.5),
    "right": (1.0, 0.5),
    "top": (0.5, 0.0),
    "bottom": (0.5, 1.0),
    "center": (0.5, 0.5),
}
"""Direction of the centre, (x, y) from the left upper corner; how far depends on the size."""
MARKS = ("none", "frame", "corner")

_OVERSAMPLING = 4
# What the second shade keeps of the brightness: objects stand out from their background.
_STRONG, _FAINT = 0.4, 0.65


@dataclass(frozen=True)
class SceneObject:
    """One object; `centre` and `radius` are fractions of the image side.

    `kind` is a shape or a decimal digit; a digit is drawn from handwriting `glyph` (a position
    in `load_digit_glyphs`), or in print when `glyph` is None.
    """

    kind: str
    colour: str
    texture: str
    size: str
    position: str
    centre: tuple[float, float]
    radius: float
    angle: float = 0.0
    glyph: int | None = None


@dataclass(frozen=True)
class Scene:
    """Objects on a background; `tint` scatters all colours a little, 0 draws them exactly."""

    objects: tuple[SceneObject, ...]
    background_colour: str
    background_texture: str = "plain"
    mark: str = "none"
    tint: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class DrawnScene:
    """The picture of a scene and where each object is in it."""

    pixels: UInt8[np.ndarray, "side side 3"]
    masks: Bool[np.ndarray, "objects side side"]

    @property
    def image(self) -> Image.Image:
        """The picture as a PIL image, mode RGB."""
        return Image.fromarray(self.pixels, mode="RGB")


@dataclass(frozen=True)
class _Pattern:
    texture: str
    shade: float


def draw_scene(scene: Scene, side: int = 64) -> DrawnScene:
    """Draw a scene at `side` pixels; later objects cover earlier ones."""
    # Streams of their own: a change of one part leaves the chance in all others as it was.
    behind, noise, *streams = np.random.default_rng(scene.seed).spawn(2 + len(scene.objects))
    canvas = _painted(
        _tinted(BACKGROUNDS[scene.background_colour], scene.tint, behind),
        _Pattern(scene.background_texture, _FAINT),
        side,
        behind,
    )
    masks = np.zeros((len(scene.objects), side, side), dtype=bool)
    for number, (item, generator) in enumerate(zip(scene.objects, streams, strict=True)):
        ink = _coverage(item, side)
        paint = _painted(
            _tinted(INKS[item.colour], scene.tint, generator),
            _Pattern(item.texture, _STRONG),
            side,
            generator,
        )
        canvas += ink[:, :, None] * (paint - canvas)
        masks[:number] &= ink < 0.5
        masks[number] = ink >= 0.5
    marked = _marked(scene.mark, side)
    canvas[marked] = 235.0 if sum(BACKGROUNDS[scene.background_colour]) < 380 else 20.0
    masks &= ~marked
    if scene.tint:
        canvas += noise.normal(0, 40 * scene.tint, canvas.shape)
    return DrawnScene(np.clip(np.round(canvas), 0, 255).astype(np.uint8), masks)


def random_scene(
    generator: np.random.Generator, *, objects: int = 1, split: Split = "train", tint: float = 0.15
) -> Scene:
    """A scene of one to three objects with every attribute drawn independently.

    A background never has the colour of an object. Handwriting is taken from `split`. With
    more than one object each lies in its own quarter and none is large.
    """
    background = str(generator.choice(list(BACKGROUNDS)))
    colours = [colour for colour in COLOURS if colour != background]
    corners = generator.permutation(4)
    items = tuple(
        random_object(
            generator,
            colour=str(generator.choice(colours)),
            corner=int(corners[number]) if objects > 1 else None,
            split=split,
        )
        for number in range(objects)
    )
    return Scene(
        objects=items,
        background_colour=background,
        background_texture=str(generator.choice(TEXTURES, p=(0.4, 0.2, 0.2, 0.2))),
        mark=str(generator.choice(MARKS, p=(0.6, 0.2, 0.2))),
        tint=tint,
        seed=int(generator.integers(2**32)),
    )


def random_object(
    generator: np.random.Generator,
    *,
    colour: str,
    corner: int | None = None,
    kind: str | None = None,
    split: Split = "train",
) -> SceneObject:
    """One object; `corner` 0..3 puts it into a quarter of the image, None anywhere."""
    if kind is None:
        kind = str(generator.choice(SHAPES if generator.random() < 0.6 else DIGITS))
    is_digit = kind in DIGITS
    sizes = list(SIZES)[(1 if is_digit else 0) : (None if corner is None else 2)]
    size = str(generator.choice(sizes))
    radius = float(generator.uniform(*SIZES[size]))
    if corner is None:
        position = str(generator.choice(list(POSITIONS)))
        centre = object_centre(position, radius, generator)
    else:
        position = ""
        jitter = generator.uniform(-0.02, 0.02, size=2)
        centre = (0.25 + 0.5 * (corner % 2) + jitter[0], 0.25 + 0.5 * (corner // 2) + jitter[1])
    return SceneObject(
        kind=kind,
        colour=colour,
        texture="plain" if is_digit else str(generator.choice(TEXTURES)),
        size=size,
        position=position,
        centre=(float(centre[0]), float(centre[1])),
        radius=radius,
        angle=float(generator.uniform(-0.2, 0.2)),
        glyph=_random_glyph(kind, generator, split) if is_digit else None,
    )


def _random_glyph(kind: str, generator: np.random.Generator, split: Split) -> int | None:
    if split == "train" and generator.random() < 0.1:
        return None
    return int(generator.choice(_glyphs_of(int(kind), split)))


def glyph_of(value: int, share: float, split: Split) -> int:
    """The handwriting at this share (0 to below 1) of all that show a digit in a split."""
    glyphs = _glyphs_of(value, split)
    return glyphs[int(share * len(glyphs))]


@cache
def _glyphs_of(value: int, split: Split) -> tuple[int, ...]:
    _, values = load_digit_glyphs()
    return tuple(index for index in digit_indices(split) if values[index] == value)


def object_centre(
    position: str, radius: float, generator: np.random.Generator
) -> tuple[float, float]:
    """Where an object of this position lies, as fractions of the side (x, y).

    At least a sixth of the side away from the middle, unless that is the position.
    """
    reach = max(0.5 - radius - 0.03, 0.12)
    distance = generator.uniform(max(0.7 * reach, 0.11), reach)
    x, y = POSITIONS[position]
    jitter = generator.uniform(-0.03, 0.03, size=2)
    return (
        float(0.5 + (2 * x - 1) * distance + jitter[0]),
        float(0.5 + (2 * y - 1) * distance + jitter[1]),
    )


def _tinted(
    colour: tuple[int, int, int], tint: float, generator: np.random.Generator
) -> Float[np.ndarray, " 3"]:
    scattered = np.array(colour) + generator.normal(0, 100 * tint, 3) * (tint > 0)
    return np.clip(scattered, 0, 255).astype(np.float32)


def _painted(
    colour: Float[np.ndarray, " 3"], pattern: _Pattern, side: int, generator: np.random.Generator
) -> Float[np.ndarray, "side side 3"]:
    """A whole canvas of a colour; textures alternate with a darker (or lighter) shade."""
    canvas = np.broadcast_to(colour, (side, side, 3)).astype(np.float32)
    if pattern.texture == "plain":
        return canvas
    is_dark = colour.max() <= 60
    other = colour + 130 * (1 - pattern.shade) if is_dark else colour * pattern.shade
    return np.where(_is_shaded(pattern.texture, side, generator)[:, :, None], other, canvas)


def _is_shaded(texture: str, side: int, generator: np.random.Generator) -> Bool[np.ndarray, "s s"]:
    """Where the second shade goes; the period is about a tenth of the side."""
    unit = side / 64
    rows, cols = np.mgrid[0:side, 0:side] / unit + generator.uniform(0, 8, size=2)[:, None, None]
    match texture:
        case "striped":
            shaded = (rows + cols * generator.choice([-0.5, 0.0, 0.5])) % 6 < 3
        case "dotted":
            shaded = (rows % 6 - 3) ** 2 + (cols % 6 - 3) ** 2 < 4
        case _:
            shaded = (rows % 8 < 4) ^ (cols % 8 < 4)
    return np.asarray(shaded)


def _coverage(item: SceneObject, side: int) -> Float[np.ndarray, "side side"]:
    """How much of each pixel an object covers, 0..1."""
    if item.kind in DIGITS:
        return _digit_coverage(item, side)
    large = side * _OVERSAMPLING
    image = Image.new("L", (large, large))
    draw = ImageDraw.Draw(image)
    for outline, ink in _outlines(item.kind):
        turned = outline @ _rotation(item.angle).T * item.radius + np.array(item.centre)
        draw.polygon([tuple(point) for point in (turned * large).tolist()], fill=ink)
    small = image.resize((side, side), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) / 255


def _digit_coverage(item: SceneObject, side: int) -> Float[np.ndarray, "side side"]:
    if item.glyph is None:
        source = _printed_digit(item.kind)
    else:
        source = np.pad(load_digit_glyphs()[0][item.glyph], 1)
    height, width = source.shape
    scale = height * 0.8 / (2 * item.radius * side)
    turn = _rotation(-item.angle) * scale
    shift = np.array([width, height]) / 2 - turn @ (np.array(item.centre) * side)
    ink = Image.fromarray(source).transform(
        (side, side),
        Image.Transform.AFFINE,
        (turn[0, 0], turn[0, 1], shift[0], turn[1, 0], turn[1, 1], shift[1]),
        Image.Resampling.BICUBIC,
    )
    return np.asarray(ink, dtype=np.float32) / 255


@cache
def _printed_digit(kind: str) -> UInt8[np.ndarray, "40 40"]:
    image = Image.new("L", (40, 40))
    ImageDraw.Draw(image).text(
        (20, 20), kind, fill=255, font=ImageFont.load_default(size=36), anchor="mm"
    )
    return np.asarray(image)


def _rotation(angle: float) -> Float[np.ndarray, "2 2"]:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@cache
def _outlines(kind: str) -> tuple[tuple[Float[np.ndarray, "points 2"], int], ...]:
    """Polygons of a shape in the unit circle, each with its ink (0 cuts a hole)."""
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    match kind:
        case "circle":
            return ((_regular(48), 255),)
        case "square":
            return ((square * 0.88, 255),)
        case "triangle":
            return ((_regular(3) * 1.1 + [0, 0.15], 255),)
        case "star":
            radii = np.where(np.arange(10) % 2 == 0, 1.1, 0.45)
            return ((_regular(10) * radii[:, None], 255),)
        case "cross":
            bar = np.array([1.0, 0.33])
            return ((square * bar, 255), (square * bar[::-1], 255))
        case _:
            return ((_regular(48), 255), (_regular(48) * 0.55, 0))


def _regular(corners: int) -> Float[np.ndarray, "corners 2"]:
    angles = np.arange(corners) * 2 * np.pi / corners
    return np.stack([np.sin(angles), -np.cos(angles)], axis=1)


def _marked(mark: str, side: int) -> Bool[np.ndarray, "side side"]:
    """The pixels of a frame or corner mark."""
    width = max(round(side / 16), 1)
    marked = np.zeros((side, side), dtype=bool)
    if mark == "frame":
        marked[:] = True
        marked[width:-width, width:-width] = False
    elif mark == "corner":
        marked[: 2 * width, : 2 * width] = True
    return marked
