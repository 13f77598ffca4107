"""Mutual knowledge: what an image shows to one encoder and its class means to the other."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar

import torch
from PIL import Image

from seewhy.base.errors import DataError, UsageError
from seewhy.base.versions import library_versions
from seewhy.data.banks import ConceptBank
from seewhy.methods.mutual_knowledge.assignment import Assigning, Bank
from seewhy.methods.mutual_knowledge.dissection import dissect_classes, nearest_concepts
from seewhy.methods.mutual_knowledge.dynamics import deletion_curve
from seewhy.methods.mutual_knowledge.knowledge import Asked, ClassOverlap, SeenImage
from seewhy.methods.mutual_knowledge.overlap import compare_lists, shared_concepts
from seewhy.methods.mutual_knowledge.seeing import Seeing, seen_images
from seewhy.methods.mutual_knowledge.telling import told
from seewhy.methods.mutual_knowledge.tokens import patch_tokens
from seewhy.models.framing import Framing
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.passes.bank_embeddings import SHOWING, embed_bank
from seewhy.passes.prompts import PromptEnsemble
from seewhy.results.explanation import Explanation

IMAGES_AT_ONCE = 16


@dataclass(frozen=True)
class MutualKnowledge:
    """Which texts of a bank go with the parts of an image, and which of them its class expects.

    `expected` is how many texts of the bank a class has, those nearest to its name. `seeing`
    says how images are taken apart and named, `framing` what of an image the model is shown.

    Source: Sammani and Deligiannis, Interpreting and Analysing CLIP's Zero-Shot Image
    Classification via Mutual Knowledge, NeurIPS 2024, arXiv 2410.13016. `published()` gives its
    constants and quirks.
    """

    name: ClassVar[str] = "mutual-knowledge"

    seeing: Seeing = field(default_factory=Seeing)
    expected: int = 50
    framing: Framing = field(default_factory=Framing)
    template: str = SHOWING

    @classmethod
    def published(cls) -> "MutualKnowledge":
        """As the released code computes, its traps included."""
        assigning = Assigning(protocol="published")
        return cls(Seeing(assigning=assigning, protocol="published"))

    def ask(
        self,
        encoder: OpenClipEncoder,
        classes: Sequence[str],
        bank: ConceptBank,
        *,
        prompts: PromptEnsemble | None = None,
        folder: Path | None = None,
    ) -> Asked:
        """Both text sides, encoded once; `folder` keeps the bank's between runs.

        `prompts` puts the names of classes into templates, by default the 85 published ones.
        Raises `UsageError` for fewer than two classes and for texts the encoder cannot read.
        """
        encoder.check_texts(classes)
        if len(classes) < 2:
            raise UsageError(f"{len(classes)} class was given; a zero-shot prediction needs two.")
        ensemble = prompts or PromptEnsemble(encoder)
        if ensemble.encoder is not encoder:
            raise UsageError("the prompts belong to another encoder; make them of the same one.")
        embedded = embed_bank(encoder, bank, template=self.template, folder=folder)
        names = ensemble.embeddings(classes)
        nearest = nearest_concepts(dissect_classes(names, embedded.templated), count=self.expected)
        return Asked(
            encoder,
            tuple(classes),
            embedded,
            names,
            Bank(embedded.templated, embedded.raw),
            tuple(tuple(row) for row in nearest.ids.tolist()),
            tuple(tuple(row) for row in nearest.similarities.tolist()),
            (*encoder.notes, *bank.notes, *embedded.notes, *ensemble.cut_names(classes)),
        )

    def look(self, asked: Asked, images: Sequence[Image.Image]) -> Iterator[SeenImage]:
        """What the image side shows of each image, in batches.

        With the published protocol all images are one batch, as foreground and parts are found
        together. Raises `DataError` where the model's numbers are not finite.
        """
        encoder = asked.encoder
        preprocess = self.framing.preprocessing(encoder)
        if not isinstance(preprocess, Preprocessing):
            raise UsageError(
                f"{encoder.name} has a preprocessing of its own, whose way back is unknown. Load "
                "the encoder with `seewhy.load_model`."
            )
        is_joint = self.seeing.fit == "joint"
        at_once = max(len(images), 1) if is_joint else IMAGES_AT_ONCE
        for start in range(0, len(images), at_once):
            pixels = torch.stack([preprocess(each) for each in images[start : start + at_once]])
            tokens = patch_tokens(encoder, pixels, facet=self.seeing.facet)
            is_finite = tokens.embeddings.isfinite().all(dim=1)
            if not is_finite.all():
                raise DataError(
                    "non_finite",
                    f"{encoder.name} gives numbers that are not finite for image "
                    f"{start + int(is_finite.int().argmin())}. Check its weights, or use float32.",
                )
            yield from seen_images(
                pixels,
                tokens,
                preprocessing=preprocess,
                asked=asked,
                how=self.seeing,
            )

    def against(self, asked: Asked, seen: SeenImage, number: int) -> ClassOverlap:
        """What an image shows against what the class of this number is expected to have."""
        expected = asked.expected[number]
        return ClassOverlap(
            number,
            asked.classes[number],
            shared_concepts(seen.concepts, expected).mutual,
            compare_lists(seen.concepts, expected, concepts=len(asked.bank.bank)),
            deletion_curve(seen.concepts, expected),
        )

    def explain(
        self,
        encoder: OpenClipEncoder,
        images: Sequence[Image.Image],
        classes: Sequence[str],
        bank: ConceptBank,
        *,
        prompts: PromptEnsemble | None = None,
        folder: Path | None = None,
    ) -> list[Explanation]:
        """One explanation per image: found texts, expected texts, what both share, and dynamics.

        The score is the published index of the predicted class (see `overlap_information`).
        """
        asked = self.ask(encoder, classes, bank, prompts=prompts, folder=folder)
        facts = self._facts(asked)
        explanations = []
        for seen in self.look(asked, images):
            winner, runner_up = (self.against(asked, seen, each) for each in seen.order[:2])
            explanations.append(
                Explanation(
                    f"why {winner.name!r} and what it shares with the image",
                    winner.overlap.index,
                    told(asked, seen, winner, runner_up=runner_up),
                    facts | {"foreground": "strongest" if seen.is_fallback else "found"},
                )
            )
        return explanations

    def _facts(self, asked: Asked) -> dict[str, str]:
        settings = asdict(self)
        settings |= settings.pop("seeing")
        return {
            "method": self.name,
            "model": asked.encoder.name,
            **{name: str(value) for name, value in settings.items()},
            "bank": f"{asked.bank.bank.origin} ({len(asked.bank.bank)} texts)",
            "notes": " ".join(asked.notes),
            **library_versions(),
        }
