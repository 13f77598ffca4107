"""CLIP Surgery: where in an image a dual encoder sees what a text says."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from seewhy.base.axes import Pixels, TextEmbeddings
from seewhy.base.errors import UsageError
from seewhy.base.versions import library_versions
from seewhy.methods.text_maps.features import scaled
from seewhy.methods.text_maps.framing import Framing, Shown
from seewhy.methods.text_maps.prompts import PromptEnsemble, averaged
from seewhy.methods.text_maps.reading import Removal, TextMaps, text_maps
from seewhy.methods.text_maps.tokens import ImageTokens, Surgery, raw_tokens, surgery_tokens
from seewhy.models.guard import device_of, inference
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.towers import Tower, image_tower
from seewhy.results.explanation import Explanation
from seewhy.results.parts import ConceptScores, Frame, Heatmap, Part

_IMAGES_AT_ONCE = 8


@dataclass(frozen=True)
class _Asked:
    """Names to be mapped, embeddings of these and of further names, and what is redundant."""

    names: tuple[str, ...]
    embeddings: TextEmbeddings
    redundant: Float[Tensor, "1 embed"]
    notes: tuple[str, ...]

    @property
    def target(self) -> str:
        return f"where the image shows {', '.join(map(repr, self.names))}"


@dataclass(frozen=True)
class ClipSurgery:
    """One map per text, from the similarity of the text and rerouted patch tokens.

    Without `surgery` the model's own tokens are used: the raw maps, which tend to light up the
    background. `removal` says what is taken from the similarities. "redundant": those of the
    `redundant` texts (the empty text, averaged if there are several), so that a map does not
    depend on what else is asked. "common": the mean over all texts; "weighted-common": the same
    after weighing texts by how well they fit the whole image, as published for sets of labels.
    Maps are signed differences of cosines, or with scaling "min-max" each from 0 to 1 over its
    patches (before they are resized, as published; a constant map is all zeros).

    Source: Li et al., A Closer Look at the Explainability of Contrastive Language-Image
    Pre-training, Pattern Recognition 162 (2025), arXiv 2304.05653.
    """

    surgery: Surgery | None = field(default_factory=Surgery)
    removal: Removal = "redundant"
    redundant: tuple[str, ...] = ("",)
    scaling: Literal["raw", "min-max"] = "raw"
    framing: Framing = field(default_factory=Framing)
    frame: Frame = "image"

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

        `others` are texts that take part in "common" and "weighted-common" without a map of their
        own. `prompts` is the encoder's ensemble of templates, by default of the 85 published ones;
        keep one between calls, or give it a folder, so that texts are encoded once. Results do not
        depend on what else is in `images`. Raises `UsageError` for towers that cannot be taken
        apart, for texts that are empty, equal or unknown, and for a removal that leaves nothing.
        """
        tower = image_tower(encoder)
        prompts = _checked_prompts(prompts, encoder)
        asked = self._asked(prompts, texts, others)
        preprocess = self.framing.preprocessing(encoder)
        at_once = _IMAGES_AT_ONCE if isinstance(preprocess, Preprocessing) else 1
        provenance = self._provenance(encoder, prompts, asked)
        explanations: list[Explanation] = []
        with inference(encoder.module):
            for start in range(0, len(images), at_once):
                chosen = images[start : start + at_once]
                _check_images(chosen, start)
                pixels = torch.stack([preprocess(image) for image in chosen])
                found = self._text_maps(tower, pixels, asked)
                _check_finite(found, start, encoder)
                facts = provenance | {"grid": " x ".join(map(str, found.maps.shape[2:]))}
                for image, maps, whole in zip(chosen, found.maps, found.whole, strict=True):
                    shown = Shown(image.size, _size(pixels), preprocess)
                    parts = self._parts(asked.names, shown.drawn(maps, self.frame), whole)
                    explanations.append(Explanation(asked.target, _only(whole), parts, facts))
        return explanations

    def _asked(
        self, prompts: PromptEnsemble, texts: Sequence[str], others: Sequence[str]
    ) -> _Asked:
        if isinstance(texts, str) or isinstance(others, str):
            raise UsageError("texts and others are lists of texts; put a single text in a list.")
        names = (*texts, *others)
        for wanted in (texts, names):
            prompts.encoder.check_texts(wanted)
        if self.removal in ("common", "weighted-common") and len(names) == 1:
            raise UsageError(
                f"removal={self.removal!r} takes away what all texts have in common, which is all "
                f"there is of one text ({names[0]!r}). Ask with others=..., or use "
                "removal='redundant'."
            )
        if not self.redundant:
            raise UsageError("`redundant` is empty. Name at least one text, such as ('',).")
        return _Asked(
            names=tuple(texts),
            embeddings=prompts.embeddings(names),
            redundant=averaged(prompts.embeddings(self.redundant)[None]),
            notes=prompts.cut_names(names),
        )

    def _text_maps(self, tower: Tower, pixels: Pixels, asked: _Asked) -> TextMaps:
        weights = next(tower.visual.parameters())
        pixels = pixels.to(device_of(tower.visual), weights.dtype)
        tokens = (
            raw_tokens(tower, pixels)
            if self.surgery is None
            else surgery_tokens(tower, pixels, self.surgery)
        )
        found = text_maps(
            ImageTokens(tokens.embeddings.float(), tokens.patches.float()),
            asked.embeddings.to(pixels.device),
            redundant=asked.redundant.to(pixels.device),
            removal=self.removal,
        )
        count = len(asked.names)
        maps = found.maps[:, :count].cpu()
        return TextMaps(
            maps if self.scaling == "raw" else scaled(maps), found.whole[:, :count].cpu()
        )

    def _parts(self, names: Sequence[str], drawn: Tensor, whole: Tensor) -> tuple[Part, ...]:
        heatmaps = (
            Heatmap(
                title=name,
                values=values,
                unit="similarity" if self.scaling == "raw" else "score",
                frame=self.frame,
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

    def _provenance(
        self, encoder: OpenClipEncoder, prompts: PromptEnsemble, asked: _Asked
    ) -> dict[str, str]:
        return {
            "method": "clip-surgery" if self.surgery else "raw maps",
            "model": encoder.name,
            **{name: str(value) for name, value in asdict(self).items()},
            "templates": " | ".join(prompts.templates),
            "notes": " ".join((*encoder.notes, *asked.notes)),
            **library_versions(),
        }


def _only(values: Tensor) -> float | None:
    return float(values[0]) if len(values) == 1 else None


def _size(pixels: Pixels) -> tuple[int, int]:
    height, width = pixels.shape[2:]
    return height, width


def _checked_prompts(prompts: PromptEnsemble | None, encoder: OpenClipEncoder) -> PromptEnsemble:
    if prompts is None:
        return PromptEnsemble(encoder)
    if prompts.encoder is not encoder:
        raise UsageError(
            f"the prompts belong to {prompts.encoder.name}, the images go to {encoder.name}. Make "
            "a PromptEnsemble of the same encoder."
        )
    return prompts


def _check_images(images: Iterable[object], start: int) -> None:
    for number, image in enumerate(images, start):
        if not isinstance(image, Image.Image):
            raise UsageError(
                f"image {number} is {type(image).__name__}; wanted a PIL image, such as "
                "`seewhy.data.images.read_image` gives."
            )


def _check_finite(found: TextMaps, start: int, encoder: OpenClipEncoder) -> None:
    is_finite = found.maps.isfinite().flatten(1).all(dim=1) & found.whole.isfinite().all(dim=1)
    if not is_finite.all():
        raise UsageError(
            f"{encoder.name} gives numbers that are not finite for image "
            f"{start + int(is_finite.int().argmin())}. Check its weights, or use float32."
        )
