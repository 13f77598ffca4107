"""How the passes of an audit run."""

from seewhy.audit.settings import AuditSettings
from seewhy.passes.options import PassOptions
from seewhy.passes.store import Store


def pass_options(settings: AuditSettings) -> PassOptions:
    """How the passes over the images run."""
    return PassOptions(
        shard_images=settings.shard_images,
        workers=settings.workers,
        progress=settings.progress,
        store=None if settings.parts is None else Store(settings.parts),
        engine=settings.engine,
        address=settings.address,
    )
