"""Segment Anything, from a folder of transformers or from a published checkpoint."""

import importlib
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import fit_weights, read_weights
from seewhy.models.guard import inference
from seewhy.models.load import checked_device

_WIDTHS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
_WIDTH_OF = "image_encoder.pos_embed"


@final
class SamSegmenter:
    """A `SamModel` of transformers with its image processor; satisfies `PointSegmenter`."""

    def __init__(self, module: Any, processor: Any) -> None:
        self.module = module
        self.processor = processor
        self._shown: Any = None

    def set_image(self, image: UInt8[np.ndarray, "height width 3"]) -> None:
        """Encode an RGB image once for all questions about it."""
        shown = self.processor(image, return_tensors="pt").to(self.module.device)
        with inference(self.module):
            embeddings = self.module.get_image_embeddings(shown["pixel_values"])
        self._shown = {**shown, "embeddings": embeddings}

    def predict(
        self,
        point_coords: Float[np.ndarray, "points 2"],
        point_labels: Int[np.ndarray, " points"],
        *,
        multimask_output: bool,
    ) -> tuple[
        Bool[np.ndarray, "masks height width"],
        Float[np.ndarray, " masks"],
        Float[np.ndarray, "masks _ _"],
    ]:
        """Masks in the size of the image, their expected qualities, and their logits."""
        if self._shown is None:
            raise UsageError("no image is set. Call set_image first.")
        sizes, resized = (
            self._shown[name].cpu() for name in ("original_sizes", "reshaped_input_sizes")
        )
        stretch = (resized[0] / sizes[0]).flip(0)
        places = torch.from_numpy(point_coords).float() * stretch
        with inference(self.module):
            found = self.module(
                image_embeddings=self._shown["embeddings"],
                input_points=places[None, None].to(self.module.device),
                input_labels=torch.from_numpy(point_labels)[None, None].to(self.module.device),
                multimask_output=multimask_output,
            )
        logits = found.pred_masks.float().cpu()
        (masks,) = self.processor.post_process_masks(logits, sizes, resized)
        scores = found.iou_scores[0, 0].float().cpu().numpy()
        return masks[0].numpy().astype(bool), scores, logits[0, 0].numpy()


def load_segmenter(place: str | Path, *, device: str = "cpu") -> Any:
    """A `PointSegmenter` from a folder that transformers wrote, or from a weights file of SAM.

    Nothing is downloaded and no code of the files runs. Raises `UsageError` naming the package
    that is missing, and for weights that are none of vit_b, vit_l and vit_h.
    """
    path, at = Path(place).expanduser(), checked_device(device)
    if path.is_dir():
        return _from_folder(path, at)
    if not path.is_file():
        raise UsageError(
            f"no segmentation network at {path}. Wanted: a folder with a SamModel of transformers "
            "and its preprocessor_config.json, or a weights file such as sam_vit_b_01ec64.pth."
        )
    weights = read_weights(path)
    kind = _WIDTHS.get(weights[_WIDTH_OF].shape[-1]) if _WIDTH_OF in weights else None
    if kind is None:
        raise UsageError(
            f"{path.name} holds no Segment Anything of a known kind: {', '.join(_WIDTHS.values())}."
        )
    package = _package(
        "segment_anything", "git+https://github.com/facebookresearch/segment-anything"
    )
    module = package.sam_model_registry[kind](checkpoint=None)
    fit_weights(module, weights, source=path.name)
    return package.SamPredictor(module.to(at).eval())


def _from_folder(folder: Path, device: torch.device) -> SamSegmenter:
    import transformers

    try:
        # Weights of other formats than safetensors could hold code.
        module: Any = transformers.SamModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        )
        processor = transformers.SamImageProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(
            f"{folder} holds no SamModel that can be read: {told[:300]} Wanted are config.json, "
            "model.safetensors and preprocessor_config.json, as `save_pretrained` writes them."
        ) from error
    return SamSegmenter(module.to(device).eval(), processor)


def _package(name: str, source: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(f"this needs the package {name}: pip install {source}") from error
