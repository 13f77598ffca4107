"""The colours of all figures: told apart by colour-blind readers, on light and dark ground."""

LIGHT = ("#3566d6", "#c8601a", "#12806f", "#a83d86", "#7059c9", "#876a10", "#566b7f", "#bd3f3a")
DARK = ("#82a6ff", "#ffa766", "#4fcdb8", "#ec8fca", "#b6a9ff", "#dcbc5b", "#a3b6c8", "#ff9188")
DASHES = 4
"""How many lines of one colour can be told apart by their dashes."""


def colour_index(position: int) -> int:
    """The palette place of the series at a position; after the last the first comes again."""
    return position % len(LIGHT)


def palette_styles() -> str:
    """The palette as CSS variables `--c0`, `--c1`, ... that follow the reader's theme."""
    light = ";".join(f"--c{number}:{colour}" for number, colour in enumerate(LIGHT))
    dark = ";".join(f"--c{number}:{colour}" for number, colour in enumerate(DARK))
    classes = "".join(f".c{number}{{color:var(--c{number})}}" for number in range(len(LIGHT)))
    return (
        f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{classes}"
    )
