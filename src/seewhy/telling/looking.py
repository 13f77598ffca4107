"""An encoder asked about the things that reasons name, many images at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.mapping.drawing import Looked, looked
from seewhy.methods.text_maps.method import TextMapMethod
from seewhy.models.openclip import OpenClipEncoder
from seewhy.passes.prompts import PromptEnsemble
from seewhy.telling.contrasts import Contrasts, contrasts_of
from seewhy.telling.phrases import NounPhrase
from seewhy.telling.support import Findings, height, place_cells, presence


@dataclass(frozen=True, eq=False)
class Looker:
    """A dual encoder, how it is asked, and the concepts that free names are compared with."""

    encoder: OpenClipEncoder
    method: TextMapMethod
    prompts: PromptEnsemble
    bank: tuple[str, ...]

    def look(
        self, images: Sequence[Image.Image], phrases: Sequence[Sequence[NounPhrase]]
    ) -> list[Looked | None]:
        """Maps of each image for what is said of any, and for its contrasts.

        None for images if there is nothing to look for that the encoder can read.
        """
        spoken = dict.fromkeys(phrase.text for each in phrases for phrase in each)
        readable = [text for text in spoken if not self.lack_of(text)]
        wanted = dict.fromkeys(readable)
        for text in readable:
            wanted |= dict.fromkeys(filter(self._is_readable, self.contrasts(text).texts))
        if not wanted:
            return [None] * len(images)
        found = self.method.explain(self.encoder, images, _different(wanted), prompts=self.prompts)
        return [
            looked(each, self.method, self.encoder, size=image.size)
            for each, image in zip(found, images, strict=True)
        ]

    def contrasts(self, text: str) -> Contrasts:
        """What a text is compared with."""
        return contrasts_of(text, self.bank)

    def lack_of(self, text: str) -> str:
        """Why the encoder cannot be asked about a text, or nothing."""
        try:
            self.encoder.check_texts([text])
        except UsageError as error:
            unknown_words = getattr(self.encoder.tokenizer, "unknown_words", None)
            words = () if unknown_words is None else unknown_words(text)
            if words:
                return f"the encoder does not know the word {words[0]!r}"
            return f"the encoder cannot read it: {error}"
        return ""

    def _is_readable(self, text: str) -> bool:
        return not self.lack_of(text)


def findings(phrase: NounPhrase, found: Looked, contrasts: Contrasts) -> Findings:
    """What the maps say of a thing: whether it is there, and at its place."""
    seen = presence(found.maps, found.whole, found.texts, text=phrase.text, contrasts=contrasts)
    if seen is None or phrase.place is None or phrase.is_negated:
        return Findings(seen)
    values = found.maps[found.texts.index(phrase.text)]
    cells = place_cells(phrase.place, (values.shape[0], values.shape[1]))
    return Findings(seen, height=height(values, cells))


def _different(texts: dict[str, None]) -> list[str]:
    """Texts that differ in more than case and spaces: an encoder takes others for the same."""
    return list({" ".join(text.casefold().split()): text for text in reversed(texts)}.values())[
        ::-1
    ]
