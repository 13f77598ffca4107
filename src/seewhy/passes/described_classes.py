"""Classes as an encoder understands descriptions of them."""

import re
from collections.abc import Mapping, Sequence

import torch

from seewhy.base.axes import TextEmbeddings
from seewhy.base.errors import UsageError
from seewhy.models.openclip import OpenClipEncoder

CLASS, DESCRIPTOR = "{class}", "{descriptor}"
IDENTIFYING = (
    "how can you identify a {class}. Distinctive and physical features describing it is "
    "{descriptor}"
)
"""The published prompt for a class and one of its descriptors."""

_SLOTS = re.compile(f"{re.escape(CLASS)}|{re.escape(DESCRIPTOR)}")


def described_classes(
    encoder: OpenClipEncoder,
    descriptors: Mapping[str, Sequence[str]],
    *,
    template: str = IDENTIFYING,
) -> TextEmbeddings:
    """One row per class: the mean over its descriptors of unit-length embeddings.

    The product with an image's embedding is thus the mean of its similarities with the
    descriptions, so rows are shorter than one and not made longer. Raises `UsageError` for a class
    without descriptors, for words that the encoder does not know, and unless the template has
    {class} and {descriptor} once each.
    """
    _check(descriptors, template)
    prompts = [
        _filled(template, {CLASS: name, DESCRIPTOR: text})
        for name, texts in descriptors.items()
        for text in texts
    ]
    rows = encoder.encode_prompts(prompts)
    parts = torch.split(rows, [len(texts) for texts in descriptors.values()])
    return torch.stack([part.mean(dim=0) for part in parts])


def with_found_texts(
    descriptors: Mapping[str, Sequence[str]], found: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Each class's descriptors and, behind them, the texts found for it that it lacked."""
    unknown = [name for name in found if name not in descriptors]
    if unknown:
        raise UsageError(f"texts were found for {unknown[0]!r:.60}, which is none of the classes.")
    return {
        name: tuple(dict.fromkeys((*texts, *found.get(name, ()))))
        for name, texts in descriptors.items()
    }


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Both slots at once, so that braces in a name are nothing but braces."""
    return _SLOTS.sub(lambda slot: values[slot[0]], template)


def _check(descriptors: Mapping[str, Sequence[str]], template: str) -> None:
    if template.count(CLASS) != 1 or template.count(DESCRIPTOR) != 1:
        raise UsageError(
            f"the template {template!r} needs {CLASS} and {DESCRIPTOR} once each, where a class "
            "and one of its descriptors go."
        )
    bare = [name for name, texts in descriptors.items() if not texts or isinstance(texts, str)]
    if bare or not descriptors:
        raise UsageError(f"classes without a list of descriptors: {', '.join(bare) or 'all'}.")
