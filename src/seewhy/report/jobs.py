"""What the pages of jobs have in common: one set of values for all templates, and how they end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from markupsafe import Markup

from seewhy.data.records import Failure
from seewhy.report.page import Page, Section, fact_text, fragment
from seewhy.results.seals import Entry, Seals, entry_folder


@runtime_checkable
class JobDocument(Protocol):
    """What a job writes about itself; `question` is the digest of all that was asked."""

    @property
    def settings(self) -> Mapping[str, object]:
        """How it was asked."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """Of what computed it."""
        ...

    @property
    def question(self) -> str:
        """Hexadecimal."""
        ...


@dataclass(frozen=True)
class JobPage:
    """Sections out of the templates of a job's package; all see the document and these values."""

    package: str
    document: JobDocument
    failures: Sequence[Failure]
    values: Mapping[str, object] = field(default_factory=dict)

    def section(
        self, title: str, template: str, *, lead: str = "", folded: bool = False
    ) -> Section:
        """A section that one template fills."""
        return Section(title, self._filled(template), lead=lead, folded=folded)

    def page(
        self, title: str, sections: Sequence[Section], *, kind: str, subtitle: str, footer: str
    ) -> Page:
        """The page of these sections, of what failed, if anything did, and of the settings."""
        failed = [self.section("Images that could not be used", "failures")] * bool(self.failures)
        settings = self.section("Settings and versions", "settings", folded=True)
        return Page(
            title=title,
            kind=kind,
            subtitle=subtitle,
            sections=(*sections, *failed, settings),
            footer=footer,
        )

    def _filled(self, template: str) -> Markup:
        facts = [(name, fact_text(value)) for name, value in self.document.settings.items()]
        return fragment(
            f"{template}.html.j2",
            package=self.package,
            document=self.document,
            failures=self.failures,
            facts=[*facts, ("question", self.document.question)],
            versions=list(self.document.versions.items()),
            **self.values,
        )


def opened(output: Path, identity: str, seals: Seals[Entry]) -> tuple[Path, Entry] | None:
    """The folder of an image below the output and its entry; None where it is not whole."""
    folder = entry_folder(output, identity)
    entry = seals.read(folder)
    return None if entry is None else (folder, entry)
