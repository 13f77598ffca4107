"""The audit's page and figures, composed from its document alone."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from seewhy.audit import wording
from seewhy.audit.figures import audit_figures
from seewhy.audit.schema import AuditDocument
from seewhy.audit.views import ModelView, evidence_rows, model_views, most_flipping
from seewhy.report.figures import write_figure
from seewhy.report.page import Page, Section, fragment
from seewhy.results.charts import interval_text
from seewhy.results.files import output_path
from seewhy.results.palette import colour_index
from seewhy.results.text import short_text

Models = tuple[ModelView, ...]


@dataclass(frozen=True)
class SectionPlan:
    """A section's template, its words, and when it has something to say."""

    template: str
    title: str
    lead: str = ""
    folded: bool = False
    wanted: Callable[[Models], bool] = bool


PLAN = (
    SectionPlan("steps", "What to do next"),
    SectionPlan(
        "changes",
        "Since the earlier audit",
        "The same questions, answered then and now. Where the two intervals overlap, the "
        "difference may be chance; where they lie apart, it hardly is.",
        wanted=lambda models: any(model.earlier for model in models),
    ),
    SectionPlan(
        "evidence",
        "The evidence",
        "Several independent ways of asking what the decisions rely on. The verdict stands on the "
        "rows that vote. Where counterfactuals measured a concept, they alone say how much it "
        "counts, and the other rows speak for the concepts that are left.",
    ),
    SectionPlan(
        "accuracy",
        "Accuracy when the concepts part ways",
        "A model that follows the wrong concept looks right for as long as that concept goes "
        "with the class. Where it does not, the mistakes show.",
    ),
    SectionPlan(
        "field",
        "What it would cost in the field",
        "In your images a concept may go along with the class. In the field it may not. This is "
        "the accuracy to expect if the concept came with every class alike and all else stayed "
        "as it is. For the concept that the class means, it says only that the model uses it.",
        wanted=lambda models: any(model.details.field for model in models),
    ),
    SectionPlan(
        "interventions",
        "Change the image, watch the decision",
        "Each change removes or alters one thing in the pixels, or takes it from another image. "
        "A decision that follows the change relies on that thing.",
        wanted=lambda models: any(model.details.interventions for model in models),
    ),
    SectionPlan(
        "examples",
        "Images that carry the verdict",
        "The first picture is the image as it is, the others are changed versions, each with the "
        "decision and its confidence. A red frame marks a decision that changed.",
        wanted=lambda models: any(model.details.examples for model in models),
    ),
    SectionPlan(
        "classes",
        "Class by class",
        "The classes with the lowest accuracy come first. What parts from the class is a concept "
        "that comes with every class alike.",
        wanted=lambda models: any(model.details.per_class for model in models),
    ),
    SectionPlan(
        "slices",
        "Slice by slice",
        "All images with one value of a concept: its true value where that is known, otherwise "
        "as the encoder reads it. The slices with the lowest accuracy come first.",
        wanted=lambda models: any(model.details.slices for model in models),
    ),
    SectionPlan(
        "controls",
        "Controls",
        "Checks of the audit itself, each with an answer that is known beforehand.",
    ),
    SectionPlan(
        "graft",
        "Inside the model",
        "The encoder's stages are replaced one after another by the best matching maps of the "
        "model. What the captions still say shows what the maps carry, and where it is lost. "
        "Carrying a concept is not yet using it.",
        wanted=lambda models: any(model.details.layers for model in models),
    ),
    SectionPlan(
        "matching",
        "How well the maps match",
        "A graft is only as good as its matches: 1 is a perfect match. The grey line is what "
        "unrelated maps reach by chance.",
        wanted=lambda models: any(model.details.matching for model in models),
    ),
    SectionPlan(
        "published",
        "The published reading",
        wanted=lambda models: any(model.details.published for model in models),
    ),
    SectionPlan("images", "Images used"),
    SectionPlan("settings", "Settings, versions and hashes", folded=True),
    SectionPlan("glossary", "Words used on this page", folded=True),
)


def write_page(document: AuditDocument, folder: Path) -> Path:
    """Write `report.html` into an output folder; returns its path."""
    return compose_page(document).write(output_path(folder, "report.html"))


def write_figures(document: AuditDocument, folder: Path) -> list[Path]:
    """Write `figures/*.png` and `figures/*.svg` into an output folder; returns their paths."""
    output_path(folder, "figures", "shares.png")
    return [
        path
        for name, figure in audit_figures(document)
        for path in write_figure(figure, folder / "figures", name)
    ]


def compose_page(document: AuditDocument) -> Page:
    """The report of an audit of one model, or of several side by side."""
    colours = {name: colour_index(number) for number, name in enumerate(document.groups)}
    models = model_views(document, colours)
    values = {
        "document": document,
        "models": models,
        "compared": len(models) > 1,
        "colours": colours,
        "evidence": evidence_rows(models),
        "voting": any(row.votes for model in models for row in model.published_rows),
        "points": wording.points_text,
        "routes": wording.ROUTES,
        "day": _day,
        "change_text": wording.change_text,
        "rulings": wording.rulings_text,
        "chance": wording.chance_text,
        "interval": lambda low, high: interval_text(low, high, "share"),
        "top_sources": _top_sources,
        "most_flipping": most_flipping,
        "tables": _fact_tables(document),
        "glossary": wording.GLOSSARY,
    }
    return Page(
        title=document.title,
        kind="audit",
        subtitle=_subtitle(document),
        opening=fragment("verdict.html.j2", package="seewhy.audit", **values),
        sections=tuple(
            Section(
                title=plan.title,
                lead=plan.lead,
                folded=plan.folded,
                body=fragment(f"{plan.template}.html.j2", package="seewhy.audit", **values),
            )
            for plan in PLAN
            if plan.wanted(models)
        ),
        footer="Made by seewhy from audit.json, which holds every figure of this page.",
    )


def _subtitle(document: AuditDocument) -> str:
    used = document.images.get("used", 0)
    images = "1 image" if used == 1 else f"{used} images"
    return f"Read on {images} with the encoder {document.encoder} · {_day(document.created)}"


def _day(created: str) -> str:
    """A date as people write it; a text that is no date stays as it is."""
    try:
        moment = datetime.fromisoformat(created).astimezone(UTC)
    except ValueError:
        return created
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _top_sources(sources: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(sources.items(), key=lambda item: (-item[1], item[0]))[:4]


def _fact_tables(document: AuditDocument) -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        ("Settings", [(name, _fact(value)) for name, value in document.settings.items()]),
        ("Versions", list(document.versions.items())),
        ("Hashes", list(document.hashes.items())),
    ]


def _fact(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return short_text(text, 300)
