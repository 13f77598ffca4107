"""A question that can be put to pairs: an encoder and methods, all checked."""

from dataclasses import asdict, dataclass

from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.catalogue import pair_method
from seewhy.methods.pairs.counterparts import cell_maps
from seewhy.methods.pairs.method import PairMethod
from seewhy.models.framing import Framing
from seewhy.models.guard import inference
from seewhy.models.identity import facts_digest, model_digest
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.load_images import load_image_encoder
from seewhy.models.preprocessing import Placement, Preprocessing
from seewhy.similarity.settings import PairSettings

USUAL = ("matched-gradient", "occlusion")

_UNMAPPED = "No counterparts are looked for, as {} tells of no maps inside: {}"


@dataclass(frozen=True)
class PairQuestion:
    """An encoder that is shown images in one way, and what explains it; `notes` are sentences.

    With `has_maps` the encoder's own maps can be compared place by place.
    """

    encoder: ImageEncoder
    preprocessing: Preprocessing
    methods: tuple[PairMethod, ...]
    has_maps: bool
    notes: tuple[str, ...] = ()

    def placement(self, size: tuple[int, int]) -> Placement:
        """Where an image of (width, height) lies in the encoder's input."""
        return self.preprocessing.placement(size)

    def digest(self) -> str:
        """SHA-256 of all that decides what is found, except the images."""
        return facts_digest(
            kind="pairs",
            encoder=model_digest(self.encoder),
            site=[self.encoder.site, self.encoder.patch],
            methods=[[method.name, asdict(method)] for method in self.methods],
        )


def asked_pairs(encoder: str | ImageEncoder, settings: PairSettings) -> PairQuestion:
    """Everything checked before any image is read.

    Raises `UsageError` for unknown or repeated methods, for a size or framing that the encoder
    cannot take, and for methods that need maps of an encoder without any.
    """
    methods = _methods(settings)
    found = encoder if isinstance(encoder, ImageEncoder) else _loaded(encoder, settings)
    preprocessing = Framing(settings.framing, settings.size).preprocessing(found)
    if not isinstance(preprocessing, Preprocessing):
        raise UsageError(
            f"{found.name} has a preprocessing of its own, whose way back is unknown. Load the "
            "encoder by its name."
        )
    shown = ImageEncoder(
        found.module,
        preprocess=preprocessing,
        name=found.name,
        site=found.site,
        patch=found.patch,
        notes=found.notes,
    )
    lack = _lack_of_maps(shown)
    if lack and any(method.needs_maps for method in methods):
        if settings.methods is not None:
            raise UsageError(lack)
        methods = tuple(method for method in methods if not method.needs_maps)
    spoken = [f"{method.name}: {note}" for method in methods for note in method.caution]
    notes = [*found.notes, *spoken, *([_UNMAPPED.format(found.name, lack)] if lack else ())]
    return PairQuestion(shown, preprocessing, methods, has_maps=not lack, notes=tuple(notes))


def _methods(settings: PairSettings) -> tuple[PairMethod, ...]:
    names = USUAL if settings.methods is None else settings.methods
    if not names or len(set(names)) < len(names):
        raise UsageError(f"methods {list(names)} are none, or one comes twice; name each once.")
    return tuple(pair_method(name, protocol=settings.protocol) for name in names)


def _lack_of_maps(encoder: ImageEncoder) -> str:
    """Why there are no maps, or nothing; the encoder is tried on a black image first."""
    black = encoder.preprocess(Image.new("RGB", (8, 8)))
    with inference(encoder.module):
        encoder.embed(black[None])
    try:
        cell_maps(encoder, black)
    except UsageError as error:
        return str(error)
    return ""


def _loaded(name: str, settings: PairSettings) -> ImageEncoder:
    return load_image_encoder(
        name,
        device=settings.device,
        allow_download=settings.allow_download,
        seed=settings.seed,
        compared=settings.compared,
    )
