"""Every exception that seewhy raises on purpose: three classes, one exit code each."""

from typing import ClassVar


class SeewhyError(Exception):
    """Base of all deliberate errors; `exit_code` is what the command line returns."""

    exit_code: ClassVar[int] = 70


class UsageError(SeewhyError):
    """The request cannot be served as asked; the message says what to change (exit 2)."""

    exit_code = 2


class DataError(SeewhyError):
    """A sample, or too many of them, cannot be used (exit 3).

    `code` is a stable, documented slug such as "truncated"; the slugs are listed in
    docs/failures.md.
    """

    exit_code = 3

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type["DataError"], tuple[str, str]]:
        return type(self), (self.code, str(self))


class InternalError(SeewhyError):
    """A promise of seewhy's own does not hold: please report it (exit 70)."""
