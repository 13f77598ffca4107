"""What all maps for texts share: checks, prompts, batches, drawing, and what is recorded."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import ClassVar, Literal

import torch
from PIL import Image
from torch import Tensor

from seewhy.base.axes import Pixels, TextEmbeddings
from seewhy.base.errors import DataError, UsageError
from seewhy.base.versions import library_versions
from seewhy.methods.text_maps.features import scaled
from seewhy.methods.text_maps.reading import TextMaps
from seewhy.methods.text_maps.shifts import shifted_maps
from seewhy.models.framing import Framing, Size
from seewhy.models.guard import inference
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.shown import Shown
from seewhy.models.towers import Tower, check_whole_patches, image_tower
from seewhy.passes.prompts import PromptEnsemble
from seewhy.results.explanation import Explanation
from seewhy.results.parts import ConceptScores, Frame, Heatmap, Part, Unit

IMAGES_AT_ONCE = 8


@dataclass(frozen=True)
class View:
    """How an image is shown to the model, and over what its maps are drawn.

    Maps are as the method gives them, or with scaling "min-max" each from 0 to 1 over its patches
    (before they are resized, as published; a constant map is all zeros). With `shifts` above 1
    they are means over inputs shifted by parts of a patch in either direction, on a grid so much
    finer (see `shifted_maps`), for `shifts` times `shifts` times the work.
    """

    framing: Framing = field(default_factory=Framing)
    frame: Frame = "image"
    scaling: Literal["raw", "min-max"] = "raw"
    shifts: int = 1

    def __post_init__(self) -> None:
        if self.shifts < 1:
            raise UsageError(f"shifts is {self.shifts}; wanted 1 (none) or more, such as 2.")


DEFAULT_VIEW = View()


@dataclass(frozen=True)
class Asked:
    """Names to be mapped; `embeddings` are theirs and then those of the other texts."""

    names: tuple[str, ...]
    others: tuple[str, ...]
    embeddings: TextEmbeddings
    prompts: PromptEnsemble

    @property
    def target(self) -> str:
        """The question in words."""
        return f"where the image shows {', '.join(map(repr, self.names))}"

    @property
    def named(self) -> TextEmbeddings:
        """The embeddings of the names alone."""
        return self.embeddings[: len(self.names)]


@dataclass(frozen=True)
class TextMapMethod(ABC):
    """One map per image and text, by any way of making them.

    `unit` is that of a map which is not scaled, `notes` what a reader of any map should know.
    """

    unit: ClassVar[Unit] = "score"
    notes: ClassVar[tuple[str, ...]] = ()

    view: View = field(default=DEFAULT_VIEW, kw_only=True)

    @property
    @abstractmethod
    def name(self) -> str:
        """What the method is called in the catalogue."""

    @abstractmethod
    def maps(self, encoder: OpenClipEncoder, pixels: Pixels, asked: Asked) -> TextMaps:
        """Maps of the asked names over the patches, on the CPU; neither scaled nor drawn.

        Whatever the batch, the same: images do not see each other. The model is left as found.
        """

    def tower(self, encoder: OpenClipEncoder) -> Tower:
        """The encoder's image tower; raises `UsageError` for one that has no such maps."""
        return image_tower(encoder)

    def check(
        self, encoder: OpenClipEncoder, texts: Sequence[str], *, others: Sequence[str]
    ) -> None:
        """Raise `UsageError` for texts that this method cannot be asked about."""
        if isinstance(texts, str) or isinstance(others, str):
            raise UsageError("texts and others are lists of texts; put a single text in a list.")
        for wanted in (texts, (*texts, *others)):
            encoder.check_texts(wanted)

    def ask(
        self,
        encoder: OpenClipEncoder,
        texts: Sequence[str],
        *,
        others: Sequence[str] = (),
        prompts: PromptEnsemble | None = None,
    ) -> Asked:
        """Texts as `maps` takes them; checks and raises as `explain` does."""
        _check_size(self.tower(encoder), self.view.framing.size)
        self.check(encoder, texts, others=others)
        prompts = _checked_prompts(prompts, encoder)
        return Asked(tuple(texts), tuple(others), prompts.embeddings((*texts, *others)), prompts)

    def explain(
        self,
        encoder: OpenClipEncoder,
        images: Sequence[Image.Image],
        texts: Sequence[str],
        *,
        others: Sequence[str] = (),
        prompts: PromptEnsemble | None = None,
    ) -> list[Explanation]:
        """One explanation per image: a heatmap per text, and the similarities of the whole image.

        `others` are texts without a map of their own, which matter to methods that compare texts.
        `prompts` is the encoder's ensemble of templates, by default of the 85 published ones;
        keep one between calls, or give it a folder, so that texts are encoded once. Results do not
        depend on what else is in `images`. Raises `UsageError` for towers that cannot be taken
        apart, for texts that are empty, equal or unknown, and for what the method cannot answer;
        `DataError` where the model's numbers for an image are not finite.
        """
        asked = self.ask(encoder, texts, others=others, prompts=prompts)
        preprocess = self.view.framing.preprocessing(encoder)
        at_once = IMAGES_AT_ONCE if isinstance(preprocess, Preprocessing) else 1
        explanations: list[Explanation] = []
        with inference(encoder.module):
            for start in range(0, len(images), at_once):
                chosen = images[start : start + at_once]
                check_images(chosen, start)
                pixels = torch.stack([preprocess(image) for image in chosen])
                found = self._maps_at_shifts(encoder, pixels, asked)
                check_finite(found, start, encoder)
                shown = [Shown(image.size, input_size(pixels), preprocess) for image in chosen]
                explanations.extend(self._explanations(encoder, found, asked, shown=shown))
        return explanations

    def _maps_at_shifts(self, encoder: OpenClipEncoder, pixels: Pixels, asked: Asked) -> TextMaps:
        if self.view.shifts == 1:
            return self.maps(encoder, pixels, asked)
        return shifted_maps(
            lambda moved: self.maps(encoder, moved, asked),
            pixels,
            patch=self.tower(encoder).patch,
            shifts=self.view.shifts,
        )

    def _explanations(
        self, encoder: OpenClipEncoder, found: TextMaps, asked: Asked, *, shown: Sequence[Shown]
    ) -> Iterator[Explanation]:
        maps = found.maps if self.view.scaling == "raw" else scaled(found.maps)
        facts = self._provenance(encoder, asked) | {"grid": " x ".join(map(str, maps.shape[2:]))}
        for index, (each, own, whole) in enumerate(zip(shown, maps, found.whole, strict=True)):
            parts = self._parts(asked.names, each.drawn(own, self.view.frame), whole)
            lacking = _undefined(found, index, asked.names)
            yield Explanation(asked.target, _only(whole), parts, facts | lacking)

    def _parts(self, names: Sequence[str], drawn: Tensor, whole: Tensor) -> tuple[Part, ...]:
        heatmaps = (
            Heatmap(
                title=name,
                values=values,
                unit=self.unit if self.view.scaling == "raw" else "score",
                frame=self.view.frame,
            )
            for name, values in zip(names, drawn.numpy(), strict=True)
        )
        scores = ConceptScores(
            title="Similarity of the whole image",
            names=tuple(names),
            scores=whole.double().numpy(),
            unit="similarity",
        )
        return (*heatmaps, scores)

    def _provenance(self, encoder: OpenClipEncoder, asked: Asked) -> dict[str, str]:
        settings = asdict(self)
        settings |= settings.pop("view")
        cut = asked.prompts.cut_names((*asked.names, *asked.others))
        return {
            "method": self.name,
            "model": encoder.name,
            **{name: str(value) for name, value in settings.items()},
            "templates": " | ".join(asked.prompts.templates),
            "notes": " ".join((*encoder.notes, *self.notes, *cut)),
            **library_versions(),
        }


def _only(values: Tensor) -> float | None:
    return float(values[0]) if len(values) == 1 else None


def input_size(pixels: Pixels) -> tuple[int, int]:
    """Height and width."""
    height, width = pixels.shape[2:]
    return height, width


def _check_size(tower: Tower, size: Size | None) -> None:
    if size is not None:
        height, width = (size, size) if isinstance(size, int) else size
        check_whole_patches(tower, height, width)


def _checked_prompts(prompts: PromptEnsemble | None, encoder: OpenClipEncoder) -> PromptEnsemble:
    if prompts is None:
        return PromptEnsemble(encoder)
    if prompts.encoder is not encoder:
        raise UsageError(
            f"the prompts belong to {prompts.encoder.name}, the images go to {encoder.name}. Make "
            "a PromptEnsemble of the same encoder."
        )
    return prompts


def check_images(images: Iterable[object], start: int) -> None:
    """Raise `UsageError` for what is no PIL image; they are counted from `start`."""
    for number, image in enumerate(images, start):
        if not isinstance(image, Image.Image):
            raise UsageError(
                f"image {number} is {type(image).__name__}; wanted a PIL image, such as "
                "`seewhy.data.images.read_image` gives."
            )


def _undefined(found: TextMaps, index: int, names: Sequence[str]) -> dict[str, str]:
    """What a reader of one image's maps is told about those that are not defined."""
    if found.is_defined is None or found.is_defined[index].all():
        return {}
    missing = (
        repr(name)
        for name, is_defined in zip(names, found.is_defined[index], strict=True)
        if not is_defined
    )
    return {"no_gradient": f"No gradient reaches the patches for {', '.join(missing)}."}


def check_finite(found: TextMaps, start: int, encoder: OpenClipEncoder) -> None:
    """Raise `UsageError` where a map that is defined is not finite; images count from `start`."""
    has_numbers = found.maps.isfinite().flatten(2).all(dim=2)
    if found.is_defined is not None:
        has_numbers |= ~found.is_defined
    is_finite = (has_numbers & found.whole.isfinite()).all(dim=1)
    if not is_finite.all():
        raise DataError(
            "non_finite",
            f"{encoder.name} gives numbers that are not finite for image "
            f"{start + int(is_finite.int().argmin())}. Check its weights, or use float32.",
        )
