"""The site of a name, in either kind of model."""

from dataclasses import replace
from typing import Any

from seewhy.base.errors import UsageError
from seewhy.models.names import suggestion
from seewhy.models.protocols import ClassifierLike, DualEncoder
from seewhy.models.sites import Site


def known_sites(model: ClassifierLike | DualEncoder) -> tuple[Site, ...]:
    """The sites that a model offers itself, in forward order; none where it has none to offer."""
    try:
        return model.sites() if isinstance(model, ClassifierLike) else model.stages()
    except UsageError:
        return ()


def find_site(model: ClassifierLike | DualEncoder, name: str) -> Site:
    """The site of this name among those a model offers, or else at any of its submodules.

    In a transformer the latter count as tokens laid out as the model's own. Raises `UsageError`
    for a name that no submodule has.
    """
    offered = {site.name: site for site in known_sites(model)}
    if name in offered:
        return offered[name]
    modules = dict(model.module.named_modules(remove_duplicate=False))
    if not name or name not in modules:
        near = suggestion(name, modules)
        listed = ", ".join(list(offered)[-4:])
        raise UsageError(
            f"{model.name} has no site {name!r}. {near}"
            f"`dict(model.module.named_modules())` lists all {len(modules)}"
            f"{f'; offered are {listed}' if listed else ''}."
        )
    tokens = next((site for site in offered.values() if site.layout == "tokens"), None)
    return replace(tokens or _trunk_tokens(model.module), name=name)


def _trunk_tokens(module: Any) -> Site:
    """How timm's and torchvision's transformers lay out their tokens; of others, maps."""
    grid = getattr(getattr(module, "patch_embed", None), "grid_size", None)
    prefix = getattr(module, "num_prefix_tokens", None)
    if grid is not None and prefix is not None:
        return Site("", "tokens", prefix, tuple(grid))
    sizes = (getattr(module, "image_size", None), getattr(module, "patch_size", None))
    if hasattr(module, "class_token") and all(isinstance(size, int) and size for size in sizes):
        side = module.image_size // module.patch_size
        return Site("", "tokens", 1, (side, side))
    return Site("")
