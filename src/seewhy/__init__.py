"""What vision and vision-language models look at, know and say.

The public names are loaded when they are first used: `import seewhy` itself is immediate.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seewhy.audit.result import AuditResult
    from seewhy.audit.run import audit
    from seewhy.audit.settings import AuditSettings
    from seewhy.base.errors import DataError, UsageError
    from seewhy.data.concepts import ConceptGroups, load_concepts
    from seewhy.data.records import ImageRecord
    from seewhy.methods.mutual_knowledge.method import MutualKnowledge
    from seewhy.methods.text_maps.catalogue import map_method
    from seewhy.methods.text_maps.method import View
    from seewhy.methods.text_maps.sentences import SentenceView
    from seewhy.methods.text_maps.surgery import ClipSurgery
    from seewhy.methods.text_maps.tokens import Surgery
    from seewhy.methods.unit_naming.method import UnitNaming
    from seewhy.models.classifiers import Classifier
    from seewhy.models.framing import Framing
    from seewhy.models.image_encoders import ImageEncoder
    from seewhy.models.load import load_model
    from seewhy.models.load_images import load_image_encoder
    from seewhy.passes.prompts import PromptEnsemble
    from seewhy.results.explanation import Explanation, load_explanation

    __version__: str

__all__ = [
    "AuditResult",
    "AuditSettings",
    "Classifier",
    "ClipSurgery",
    "ConceptGroups",
    "DataError",
    "Explanation",
    "Framing",
    "ImageEncoder",
    "ImageRecord",
    "MutualKnowledge",
    "PromptEnsemble",
    "SentenceView",
    "Surgery",
    "UnitNaming",
    "UsageError",
    "View",
    "__version__",
    "audit",
    "load_concepts",
    "load_explanation",
    "load_image_encoder",
    "load_model",
    "map_method",
]

_HOMES = {
    "AuditResult": "seewhy.audit.result",
    "AuditSettings": "seewhy.audit.settings",
    "Classifier": "seewhy.models.classifiers",
    "ClipSurgery": "seewhy.methods.text_maps.surgery",
    "ConceptGroups": "seewhy.data.concepts",
    "DataError": "seewhy.base.errors",
    "Explanation": "seewhy.results.explanation",
    "Framing": "seewhy.models.framing",
    "ImageEncoder": "seewhy.models.image_encoders",
    "ImageRecord": "seewhy.data.records",
    "MutualKnowledge": "seewhy.methods.mutual_knowledge.method",
    "PromptEnsemble": "seewhy.passes.prompts",
    "SentenceView": "seewhy.methods.text_maps.sentences",
    "Surgery": "seewhy.methods.text_maps.tokens",
    "UnitNaming": "seewhy.methods.unit_naming.method",
    "UsageError": "seewhy.base.errors",
    "View": "seewhy.methods.text_maps.method",
    "load_concepts": "seewhy.data.concepts",
    "load_explanation": "seewhy.results.explanation",
    "load_image_encoder": "seewhy.models.load_images",
    "load_model": "seewhy.models.load",
    "map_method": "seewhy.methods.text_maps.catalogue",
}


class _CallablePackage(ModuleType):
    """`seewhy.audit` is a package and, when called, the function `seewhy.audit.run.audit`."""

    def __call__(self, model: Any, data: Any, concepts: Any, **options: Any) -> Any:
        return importlib.import_module("seewhy.audit.run").audit(model, data, concepts, **options)


# Python binds `seewhy.audit` to the package whenever anything in it is imported.
importlib.import_module("seewhy.audit")
sys.modules["seewhy.audit"].__class__ = _CallablePackage


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("seewhy")
    if name not in _HOMES:
        raise AttributeError(f"module 'seewhy' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
