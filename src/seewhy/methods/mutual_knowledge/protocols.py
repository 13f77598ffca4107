"""The published way and ours."""

from typing import Literal

Protocol = Literal["mended", "published"]
