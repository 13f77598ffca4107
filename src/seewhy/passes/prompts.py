"""One embedding for a name, out of many templates, computed once and kept on the disk."""

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import TextEmbeddings
from seewhy.base.errors import UsageError
from seewhy.models.identity import facts_digest, model_digest, tensors_digest
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.templates import (
    SLOT,
    Templates,
    check_templates,
    filled,
    published_templates,
)
from seewhy.passes.shards import Part
from seewhy.passes.store import Store

_logger = logging.getLogger(__name__)
_NAMES_AT_ONCE = 64
_ARRAY = "embedding"


def averaged(embeddings: Float[Tensor, "names templates embed"]) -> TextEmbeddings:
    """The mean over the templates of vectors of unit length, at unit length again."""
    units = functional.normalize(embeddings, dim=-1)
    return functional.normalize(units.mean(dim=1), dim=-1)


class PromptEnsemble:
    """Names as an encoder understands them, averaged over templates (by default the 85 published).

    Each name is encoded once; with a `folder`, once for all processes that share it. Entries
    there go by the encoder's digest and the prompts' tokens, are written whole or not at all, and
    what is damaged is made again. The encoder is taken as it is at the first use.
    """

    def __init__(
        self,
        encoder: OpenClipEncoder,
        templates: Sequence[str] | None = None,
        *,
        folder: Path | None = None,
    ) -> None:
        self.encoder = encoder
        self.templates = published_templates() if templates is None else check_templates(templates)
        self._store = None if folder is None else Store(folder)
        self._known: dict[str, Float[Tensor, " embed"]] = {}
        self._cut: dict[str, tuple[str, ...]] = {}
        self._refuse_unknown_words()

    def embeddings(self, names: Sequence[str]) -> TextEmbeddings:
        """One unit-length embedding per name; the empty name is the templates by themselves.

        Raises `UsageError` for words that the encoder does not know.
        """
        missing = [name for name in dict.fromkeys(names) if name not in self._known]
        for start in range(0, len(missing), _NAMES_AT_ONCE):
            self._learn(missing[start : start + _NAMES_AT_ONCE])
        return torch.stack([self._known[name] for name in names])

    def cut_names(self, names: Sequence[str]) -> tuple[str, ...]:
        """A note for each name with prompts that are longer than the encoder's context."""
        for name in names:
            if name not in self._cut:
                self._cut[name] = self.encoder.cut_texts(self.prompts(name))[:1]
        return tuple(note for name in names for note in self._cut[name])

    def prompts(self, name: str) -> list[str]:
        """A name in each of the templates."""
        return [filled(template, name) for template in self.templates]

    def _learn(self, names: Sequence[str]) -> None:
        keys = {name: self._key(name) for name in names} if self._store else {}
        self._known.update(self._kept(keys))
        missing = [name for name in names if name not in self._known]
        if not missing:
            return
        for note in self.cut_names(missing):
            _logger.warning(note)
        prompts = [prompt for name in missing for prompt in self.prompts(name)]
        encoded = self.encoder.encode_prompts(prompts)
        found = averaged(encoded.reshape(len(missing), len(self.templates), -1))
        for name, embedding in zip(missing, found, strict=True):
            self._known[name] = embedding
            if self._store:
                self._store.save(keys[name], Part({_ARRAY: embedding.numpy()}, {"name": name}))

    def _kept(self, keys: dict[str, str]) -> Iterator[tuple[str, Float[Tensor, " embed"]]]:
        for name, key in keys.items():
            part = self._store.load(key) if self._store else None
            if part is not None:
                yield name, torch.from_numpy(part.arrays[_ARRAY].copy())

    def _key(self, name: str) -> str:
        tokens = self.encoder.tokenizer(self.prompts(name))
        return facts_digest(
            kind="prompt-ensemble", encoder=self._digest, tokens=tensors_digest({"tokens": tokens})
        )

    @cached_property
    def _digest(self) -> str:
        return model_digest(self.encoder)

    def _refuse_unknown_words(self) -> None:
        try:
            self.encoder.refuse_unknown_words(self.prompts(""))
        except UsageError as error:
            raise UsageError(
                f"the templates do not suit the encoder: {error} Templates of words that it knows "
                "do, such as templates=['{}']."
            ) from error


def suited_prompts(
    encoder: OpenClipEncoder, templates: Templates | None, *, folder: Path | None = None
) -> tuple[PromptEnsemble, tuple[str, ...]]:
    """The prompts that were asked for, and what is to be said of them.

    Without a wish these are the published templates, or each text by itself where the encoder does
    not know their words, with a note.
    """
    match templates:
        case "published":
            return PromptEnsemble(encoder, folder=folder), ()
        case "none":
            return PromptEnsemble(encoder, [SLOT], folder=folder), ()
        case None if knows_published(encoder):
            return PromptEnsemble(encoder, folder=folder), ()
        case None:
            note = (
                f"{encoder.name} does not know all words of the published templates, so each text "
                "stands by itself."
            )
            return PromptEnsemble(encoder, [SLOT], folder=folder), (note,)
        case _:
            return PromptEnsemble(encoder, templates, folder=folder), ()


def knows_published(encoder: OpenClipEncoder) -> bool:
    """Whether an encoder has the words of the published templates; small vocabularies do not."""
    unknown_words = getattr(encoder.tokenizer, "unknown_words", None)
    return unknown_words is None or not any(map(unknown_words, published_templates()))
