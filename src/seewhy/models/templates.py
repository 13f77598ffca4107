"""Templates of prompts: texts with one {}, which a name takes the place of."""

from collections.abc import Mapping, Sequence
from typing import Literal

from seewhy.base.errors import UsageError

SLOT = "{}"

_SCENES = (
    "there is a {} in the scene.",
    "there is the {} in the scene.",
    "this is a {} in the scene.",
    "this is the {} in the scene.",
    "this is one {} in the scene.",
)

DataSet = Literal["imagenet", "places365", "food101"]
Templates = Literal["published", "none"] | tuple[str, ...]

_CLASSES: Mapping[DataSet, tuple[str, ...]] = {
    "imagenet": (
        "itap of a {}.",
        "a bad photo of the {}.",
        "a origami {}.",
        "a photo of the large {}.",
        "a {} in a video game.",
        "art of the {}.",
        "a photo of the small {}.",
        "a photo of a {}.",
    ),
    "places365": ("a photo taken in an {}", "a photo of a {}", "a scene taken in a {}"),
    "food101": ("a photo of {}, a type of food.",),
}


def class_templates(data_set: DataSet) -> tuple[str, ...]:
    """The few templates for the classes of a data set in the paper on mutual knowledge."""
    return _CLASSES[data_set]


def published_templates() -> tuple[str, ...]:
    """The 85 of CLIP Surgery: the 80 that OpenAI published for ImageNet, and five of scenes."""
    from open_clip import OPENAI_IMAGENET_TEMPLATES

    return tuple(template(SLOT) for template in OPENAI_IMAGENET_TEMPLATES) + _SCENES


def filled(template: str, name: str) -> str:
    """The prompt; braces in a name are nothing but braces."""
    return template.replace(SLOT, name)


def check_templates(templates: Sequence[str]) -> tuple[str, ...]:
    """The templates; `UsageError` unless each is a text with {} once and no other braces."""
    if isinstance(templates, str) or not templates:
        raise UsageError(f"templates are {templates!r}; wanted a list of at least one template.")
    for index, template in enumerate(templates):
        if not isinstance(template, str) or not _has_one_slot(template):
            raise UsageError(
                f"template {index} is {template!r}; wanted a text with {{}} once, where the name "
                "goes, and no other braces, such as 'a photo of a {}.'."
            )
    return tuple(templates)


def _has_one_slot(template: str) -> bool:
    return template.count(SLOT) == template.count("{") == template.count("}") == 1
