"""A sentence and an image explained together: which words, and which patches."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.base.versions import library_versions
from seewhy.methods.text_maps.features import scaled, similarities, without_redundant
from seewhy.methods.text_maps.forward import tower_input
from seewhy.methods.text_maps.method import (
    DEFAULT_VIEW,
    IMAGES_AT_ONCE,
    View,
    check_finite,
    check_images,
    input_size,
)
from seewhy.methods.text_maps.reading import TextMaps
from seewhy.methods.text_maps.tokens import ImageTokens, Surgery, raw_tokens, surgery_tokens
from seewhy.models.guard import inference
from seewhy.models.openclip import OpenClipEncoder, checked_texts
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.shown import Shown
from seewhy.models.templates import SLOT
from seewhy.models.text_tokens import TextTokens, text_tokens
from seewhy.models.towers import Tower, image_tower
from seewhy.passes.prompts import PromptEnsemble, averaged
from seewhy.results.explanation import Explanation
from seewhy.results.parts import ConceptScores, Heatmap, Unit

WORD_SCORES = "Similarity of each word and the whole image"

Redundant = Float[Tensor, "1 embed"]


@dataclass(frozen=True)
class SentenceReading:
    """What one image and the tokens of one sentence have to do with each other.

    `matrix` is the similarity of each patch, row by row, and each token less that of the redundant
    text; `whole` the cosine of the image embedding and each token.
    """

    matrix: Float[Tensor, "patches tokens"]
    whole: Float[Tensor, " tokens"]


def sentence_reading(
    image: Float[Tensor, " embed"],
    patches: Float[Tensor, "patches embed"],
    *,
    tokens: Float[Tensor, "tokens embed"],
    redundant: Redundant,
) -> SentenceReading:
    """CLIP Surgery with the tokens of a sentence in place of texts; -2 to 2, and -1 to 1."""
    found = similarities(patches[None], tokens)
    common = similarities(patches[None], redundant)
    whole = similarities(image[None, None], tokens)[0, 0]
    return SentenceReading(without_redundant(found, common)[0], whole)


def leading_tokens(whole: Float[Tensor, " tokens"], count: int) -> Int[Tensor, " leading"]:
    """The places of the highest cosines, the highest first; of equal ones the first comes first."""
    return whole.argsort(descending=True, stable=True)[:count]


def merged(
    values: Float[Tensor, "rows tokens"], word_of: Sequence[int]
) -> Float[Tensor, "rows words"]:
    """For each word the largest value of its tokens; `word_of` counts words from 0."""
    places = torch.tensor(word_of).expand(len(values), -1)
    lowest = values.new_full((len(values), max(word_of) + 1), -torch.inf)
    return lowest.scatter_reduce(1, places, values, reduce="amax")


@dataclass(frozen=True)
class SentenceView:
    """The map of a sentence, a map of each of its words, and how well each fits the whole image.

    The sentence's map is that of its end token, which is the embedding of the sentence: the same
    as `ClipSurgery` without templates. With by="top" it is the mean over the `top` tokens that
    fit the whole image best. The start and the end of the sentence count as words; a word of
    several tokens has the largest of their values. With a causal text tower a word means what
    the sentence says up to it.

    Source: Li et al., A Closer Look at the Explainability of Contrastive Language-Image
    Pre-training, Pattern Recognition 162 (2025), arXiv 2304.05653, whose code has no part of
    this; which token draws its maps is not published.
    """

    name: ClassVar[str] = "sentence"
    unit: ClassVar[Unit] = "similarity"

    view: View = DEFAULT_VIEW
    surgery: Surgery | None = field(default_factory=Surgery)
    redundant: tuple[str, ...] = ("",)
    by: Literal["end", "top"] = "end"
    top: int = 3

    def __post_init__(self) -> None:
        if self.view.shifts != 1:
            raise UsageError("a sentence is explained without shifts. Leave them out of the view.")

    def explain(
        self, encoder: OpenClipEncoder, images: Sequence[Image.Image], sentences: Sequence[str]
    ) -> list[Explanation]:
        """One explanation for each image and the sentence at the same place.

        A heatmap of the sentence comes first, then one per word from "[start]" to "[end]", then
        the words' similarities with the whole image; the score is the sentence's. Results do not
        depend on what else is asked. Raises `UsageError` for towers that cannot be taken apart,
        and for sentences that are empty or unknown.
        """
        sentences = self._checked(images, sentences)
        tower = image_tower(encoder)
        read = text_tokens(encoder, sentences)
        redundant = averaged(PromptEnsemble(encoder, [SLOT]).embeddings(self.redundant)[None])
        preprocess = self.view.framing.preprocessing(encoder)
        at_once = IMAGES_AT_ONCE if isinstance(preprocess, Preprocessing) else 1
        explanations: list[Explanation] = []
        with inference(encoder.module):
            for start in range(0, len(images), at_once):
                chosen = images[start : start + at_once]
                check_images(chosen, start)
                pixels = torch.stack([preprocess(image) for image in chosen])
                tokens = self._tokens(tower, pixels)
                for place, image in enumerate(chosen):
                    shown = Shown(image.size, input_size(pixels), preprocess)
                    drawn = _Drawn(sentences[start + place], read[start + place], shown)
                    found = drawn.maps(self, _one(tokens, place), redundant=redundant)
                    check_finite(found, start + place, encoder)
                    explanations.append(self._explanation(encoder, drawn, found))
        return explanations

    def _checked(self, images: Sequence[object], sentences: Sequence[object]) -> list[str]:
        if isinstance(sentences, str) or len(images) != len(sentences):
            given = repr(sentences) if isinstance(sentences, str) else f"{len(sentences)} sentences"
            raise UsageError(
                f"{len(images)} images and {given}; wanted is a list of a sentence for each image."
            )
        if self.by not in ("end", "top") or self.top < 1:
            raise UsageError(
                f"a sentence's map was asked for by={self.by!r} with top={self.top}. Use 'end', or "
                "'top' with at least 1."
            )
        if not self.redundant:
            raise UsageError("`redundant` is empty. Name at least one text, such as ('',).")
        return checked_texts(sentences)

    def _tokens(self, tower: Tower, pixels: Tensor) -> ImageTokens:
        pixels = tower_input(tower, pixels)
        if self.surgery is None:
            return raw_tokens(tower, pixels)
        return surgery_tokens(tower, pixels, self.surgery)

    def chosen(self, whole: Float[Tensor, " tokens"]) -> Int[Tensor, " chosen"]:
        """The places of the tokens that draw the sentence's map."""
        if self.by == "end":
            return torch.tensor([len(whole) - 1])
        return leading_tokens(whole, self.top)

    def _explanation(
        self, encoder: OpenClipEncoder, drawn: "_Drawn", found: TextMaps
    ) -> Explanation:
        maps = found.maps if self.view.scaling == "raw" else scaled(found.maps)
        words, view = drawn.tokens.words, self.view
        heatmaps = (
            Heatmap(
                title=name,
                values=values,
                unit=self.unit if view.scaling == "raw" else "score",
                frame=view.frame,
            )
            for name, values in zip(
                (drawn.sentence, *words),
                drawn.shown.drawn(maps[0], view.frame).numpy(),
                strict=True,
            )
        )
        scores = ConceptScores(
            title=WORD_SCORES,
            names=words,
            scores=found.whole[0, 1:].double().numpy(),
            unit="similarity",
        )
        return Explanation(
            target=f"which words of {drawn.sentence!r} the image shows, and where",
            score=float(found.whole[0, 0]),
            parts=(*heatmaps, scores),
            provenance=self._provenance(encoder, drawn, found),
        )

    def _provenance(
        self, encoder: OpenClipEncoder, drawn: "_Drawn", found: TextMaps
    ) -> dict[str, str]:
        settings = asdict(self)
        settings |= settings.pop("view")
        return {
            "method": self.name,
            "model": encoder.name,
            **{name: str(value) for name, value in settings.items()},
            "tokens": " | ".join(drawn.tokens.pieces),
            "notes": " ".join((*encoder.notes, *encoder.cut_texts([drawn.sentence]))),
            "grid": " x ".join(map(str, found.maps.shape[2:])),
            **library_versions(),
        }


@dataclass(frozen=True)
class _Drawn:
    """A sentence, and the image that it goes with."""

    sentence: str
    tokens: TextTokens
    shown: Shown

    def maps(self, method: SentenceView, image: ImageTokens, *, redundant: Redundant) -> TextMaps:
        """The map of the sentence and those of its words, with their cosines."""
        found = sentence_reading(
            image.embeddings[0],
            image.patches[0].flatten(0, 1),
            tokens=self.tokens.embeddings,
            redundant=redundant,
        )
        word_of, chosen = self.tokens.word_of, method.chosen(found.whole)
        sentence = found.matrix[:, chosen].mean(dim=1, keepdim=True)
        patches = torch.cat([sentence, merged(found.matrix, word_of)], dim=1)
        whole = torch.cat([found.whole[-1:], merged(found.whole[None], word_of)[0]])
        return TextMaps(patches.T.reshape(1, -1, *image.patches.shape[1:3]), whole[None])


def _one(tokens: ImageTokens, place: int) -> ImageTokens:
    """What is said of one image of a batch, in float32 on the CPU."""
    chosen = slice(place, place + 1)
    return ImageTokens(
        tokens.embeddings[chosen].float().cpu(), tokens.patches[chosen].float().cpu()
    )
