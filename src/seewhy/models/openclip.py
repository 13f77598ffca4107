"""CLIP and its kin, in open_clip's own modules."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, final, runtime_checkable

import torch
from jaxtyping import Int
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from seewhy.base.axes import Embeddings, OnePixels, Pixels, TextEmbeddings
from seewhy.base.errors import UsageError
from seewhy.models.guard import device_of, inference, input_dtype
from seewhy.models.pooling import one_query
from seewhy.models.sites import Site
from seewhy.models.wrappers import unwrapped

_logger = logging.getLogger(__name__)
_STAGES = 4
_TEXTS_AT_ONCE = 256


@runtime_checkable
class Tokenizer(Protocol):
    """From texts to rows of ids.

    Also used where there: `unknown_words(text)`; `encode(text)`, `decode(ids)`, `context_length`.
    """

    def __call__(self, texts: list[str], /) -> Tensor:
        """Ids (texts, context)."""
        ...


@final
class OpenClipEncoder:
    """An open_clip module with its preprocessing and tokenizer; satisfies `DualEncoder`.

    The module is used as it is and left as it is found; of one in DataParallel or `torch.compile`
    the module inside is used. `notes` says what a reader of results
    should know about the weights.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        preprocess: Callable[[Image.Image], Tensor],
        tokenizer: Tokenizer,
        name: str,
        notes: Iterable[str] = (),
    ) -> None:
        self.module: Any = unwrapped(module)
        self.name = name
        self.preprocessing = preprocess
        self.tokenizer = tokenizer
        self.notes = tuple(notes)

    @property
    def logit_scale(self) -> float:
        """What a similarity is multiplied with to become a logit."""
        return float(self.module.logit_scale.detach().exp())

    def preprocess(self, image: Image.Image) -> OnePixels:
        """One decoded RGB image to the module's input."""
        return self.preprocessing(image)

    def encode_images(self, pixels: Pixels) -> Embeddings:
        """Unit-length image embeddings, float32 on the CPU; no gradient is kept."""
        dtype = input_dtype(self.module.visual)
        with inference(self.module), one_query(self.module.visual):
            embeddings = self.module.encode_image(pixels.to(device_of(self.module), dtype))
            embeddings = functional.normalize(embeddings.float(), dim=-1).cpu()
        # Tensors made in inference mode could not take part in later computations of gradients.
        return embeddings.clone()

    def encode_texts(self, texts: Sequence[str]) -> TextEmbeddings:
        """Unit-length text embeddings, float32 on the CPU; no gradient is kept.

        Raises `UsageError` for texts that are empty, hold unknown words, or become the same
        tokens as another. Texts beyond the context are cut, with a warning: see `cut_texts`.
        """
        tokens = self._checked_tokens(texts)
        for note in self.cut_texts(texts):
            _logger.warning(note)
        return self._encoded(tokens)

    def encode_prompts(self, prompts: Sequence[str]) -> TextEmbeddings:
        """The same for prompts made from templates, which may be empty or equal each other.

        Raises `UsageError` for unknown words. Prompts beyond the context are cut in silence.
        """
        self.refuse_unknown_words(prompts)
        return self._encoded(self.tokenizer(list(prompts)))

    def check_texts(self, texts: Sequence[str]) -> None:
        """Raise `UsageError` for the texts that `encode_texts` refuses."""
        self._checked_tokens(texts)

    def _checked_tokens(self, texts: Sequence[str]) -> Int[Tensor, "texts context"]:
        texts = checked_texts(texts)
        self.refuse_unknown_words(texts)
        tokens = self.tokenizer(texts)
        _refuse_equal_tokens(texts, tokens)
        return tokens

    def _encoded(self, tokens: Int[Tensor, "texts context"]) -> TextEmbeddings:
        with inference(self.module):
            parts = [
                self.module.encode_text(chunk.to(device_of(self.module)))
                for chunk in torch.split(tokens, _TEXTS_AT_ONCE)
            ]
            embeddings = functional.normalize(torch.cat(parts).float(), dim=-1).cpu()
        return embeddings.clone()

    def cut_texts(self, texts: Sequence[str]) -> tuple[str, ...]:
        """A note for each text that is longer than the context, saying where it is cut."""
        encode, context = (
            getattr(self.tokenizer, name, None) for name in ("encode", "context_length")
        )
        if encode is None or context is None:
            return ()
        kept = context - 2
        return tuple(
            f"{self.name} reads {kept} tokens: {text[:60]!r} is cut after "
            f"{self.tokenizer.decode(ids[:kept]).strip()[-40:]!r}."  # type: ignore[attr-defined]
            for text in texts
            if len(ids := list(encode(text))) > kept
        )

    def stages(self) -> tuple[Site, ...]:
        """Four sites whose maps can be replaced, in forward order.

        A CLIP ResNet gives the outputs of its layers 1 to 4, a ViT those of four of its blocks
        at even distances. A ViT's last block is never among them: with class-token pooling
        nothing reads its patches any more. A ViT of few blocks gives fewer sites.
        """
        from open_clip.modified_resnet import ModifiedResNet
        from open_clip.transformer import VisionTransformer

        visual = self.module.visual
        if isinstance(visual, ModifiedResNet):
            return _layers("visual")
        if isinstance(visual, VisionTransformer):
            patches = visual.grid_size[0] * visual.grid_size[1]
            return _blocks(
                "visual.transformer.resblocks",
                count=len(visual.transformer.resblocks),
                prefix=len(visual.positional_embedding) - patches,
                grid=visual.grid_size,
            )
        return self._trunk_stages()

    def _trunk_stages(self) -> tuple[Site, ...]:
        trunk: Any = getattr(self.module.visual, "trunk", None)
        if all(hasattr(trunk, f"layer{number}") for number in range(1, _STAGES + 1)):
            return _layers("visual.trunk")
        grid = getattr(getattr(trunk, "patch_embed", None), "grid_size", None)
        if grid is not None and hasattr(trunk, "blocks") and hasattr(trunk, "num_prefix_tokens"):
            return _blocks(
                "visual.trunk.blocks",
                count=len(trunk.blocks),
                prefix=trunk.num_prefix_tokens,
                grid=grid,
            )
        tower = type(trunk if trunk is not None else self.module.visual).__name__
        raise UsageError(
            f"the stages of {self.name} are unknown (its image tower is a {tower}). Use an encoder "
            "with a ResNet or ViT tower, such as open_clip:RN50/openai."
        )

    def refuse_unknown_words(self, texts: Sequence[str]) -> None:
        """Raise `UsageError` naming the words that a small vocabulary lacks."""
        unknown_words = getattr(self.tokenizer, "unknown_words", lambda _: ())
        unknown = dict.fromkeys(word for text in texts for word in unknown_words(text))
        if unknown:
            raise UsageError(
                f"{self.name} does not know the words {', '.join(map(repr, unknown))}. Rephrase "
                "the captions, or use an encoder with a full vocabulary, such as "
                "open_clip:RN50/openai."
            )


def _layers(tower: str) -> tuple[Site, ...]:
    return tuple(Site(f"{tower}.layer{number}") for number in range(1, _STAGES + 1))


def _blocks(name: str, *, count: int, prefix: int, grid: tuple[int, int]) -> tuple[Site, ...]:
    depths = sorted({max(0, (count - 1) * k // _STAGES - 1) for k in range(1, _STAGES + 1)})
    rows, cols = grid
    return tuple(Site(f"{name}.{depth}", "tokens", prefix, (rows, cols)) for depth in depths)


def checked_texts(texts: Sequence[object]) -> list[str]:
    """The texts as a list; raises `UsageError` for none, and for one that is empty or no text."""
    if isinstance(texts, str) or not texts:
        raise UsageError(f"texts are {texts!r}; wanted a list of at least one text.")
    checked: list[str] = []
    for index, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"text {index} is {text!r}; wanted a text that is not empty.")
        checked.append(text)
    return checked


def _refuse_equal_tokens(texts: Sequence[str], tokens: Int[Tensor, "texts context"]) -> None:
    first_with: dict[tuple[int, ...], int] = {}
    for index, row in enumerate(tokens.tolist()):
        first = first_with.setdefault(tuple(row), index)
        if first != index:
            raise UsageError(
                f"texts {first} ({texts[first]!r}) and {index} ({texts[index]!r}) become the same "
                "tokens, so neither can win over the other. Remove or rephrase one."
            )
