"""What an audit returns: the document, the per-image table and the explanation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seewhy.audit.page import write_figures, write_page
from seewhy.audit.schema import SCHEMA_VERSION, AuditDocument, Verdict
from seewhy.base.errors import DataError, UsageError
from seewhy.data.records import Failure
from seewhy.results.explanation import Explanation
from seewhy.results.files import output_folder, write_json, write_table

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

Row = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class AuditResult:
    """An audit of one or several models on the same images.

    `images` holds a row per model and image, `failures` a row per image that could not be used,
    `explanation` the figures behind the verdicts as arrays.
    """

    document: AuditDocument
    images: Sequence[Row]
    failures: Sequence[Failure]
    explanation: Explanation

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One verdict per model, in the order given."""
        return tuple(self.document.verdicts)

    @property
    def verdict(self) -> Verdict:
        """The verdict on the only model; raises `UsageError` when several were compared."""
        if len(self.verdicts) != 1:
            names = ", ".join(verdict.model for verdict in self.verdicts)
            raise UsageError(f"this audit compares {names}; take one of `.verdicts`.")
        return self.verdicts[0]

    def check(self, *, max_failures: float) -> None:
        """Raise `DataError` when more than this share of the images could not be used."""
        offered = self.document.images["used"] + len(self.failures)
        if len(self.failures) > max_failures * offered:
            codes = ", ".join(sorted({failure.code for failure in self.failures}))
            raise DataError(
                "too_many_failures",
                f"{len(self.failures)} of {offered} images could not be used ({codes}), more than "
                f"{max_failures:.1%}; failures.parquet names each. Mend them or raise "
                "--max-failures.",
            )

    def save(self, folder: str | Path) -> Path:
        """Write audit.json, report.html, figures, tables and arrays; returns the report's path.

        Each file is whole or absent; audit.json comes last.
        """
        home = output_folder(folder)
        write_table(home / "images.parquet", self._images_table(), schema=SCHEMA_VERSION)
        write_table(home / "failures.parquet", self._failures_table(), schema=SCHEMA_VERSION)
        self.explanation.save(home / "explanation.safetensors")
        write_figures(self.document, home)
        page = write_page(self.document, home)
        write_json(home / "audit.json", self.document.model_dump(mode="json"))
        return page

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """The share of the decision that goes back to each concept group, with intervals."""
        return self.explanation.plot(ax)

    def to_frame(self) -> "pandas.DataFrame":
        """The table of images; needs pandas (`pip install seewhy[pandas]`)."""
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise UsageError("to_frame needs pandas: pip install 'seewhy[pandas]'.") from error
        return pandas.DataFrame(self.images)

    def _repr_html_(self) -> str:
        return self.explanation._repr_html_()

    def _images_table(self) -> Any:
        import pyarrow

        return pyarrow.Table.from_pylist([dict(row) for row in self.images])

    def _failures_table(self) -> Any:
        import pyarrow

        columns = {
            name: [getattr(failure, name) for failure in self.failures]
            for name in ("id", "code", "message")
        }
        texts = {name: pyarrow.array(values, pyarrow.string()) for name, values in columns.items()}
        return pyarrow.table(texts)
