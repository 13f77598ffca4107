"""A scene whose every truth is known by heart."""

from seewhy.data.scenes import Scene, SceneObject

CORNERS = {
    "top left": (0.25, 0.25),
    "top right": (0.75, 0.25),
    "bottom left": (0.25, 0.75),
    "bottom right": (0.75, 0.75),
}


def item(kind, colour, corner, size="small", texture="plain"):
    radius = {"small": 0.15, "medium": 0.23}[size]
    return SceneObject(kind, colour, texture, size, "", CORNERS[corner], radius)


def scene(*items):
    return Scene(tuple(items), "black")


FOUR = scene(
    item("star", "red", "top left", "medium"),
    item("circle", "blue", "top right", texture="striped"),
    item("circle", "blue", "bottom left"),
    item("7", "blue", "bottom right"),
)
TWO = scene(item("ring", "green", "bottom left"), item("8", "white", "bottom right"))
