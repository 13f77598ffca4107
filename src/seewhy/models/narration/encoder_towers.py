"""The image parts of other models as towers: patches of the last block, or the last maps."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image
from torch import Tensor, nn

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import weights_hash
from seewhy.models.guard import inference, input_dtype
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.load_images import load_image_encoder
from seewhy.models.narration.config import EncoderTowerConfig
from seewhy.models.narration.towers import ImageTokens
from seewhy.models.preprocessing import Preprocessing


@dataclass(frozen=True)
class TokenSite:
    """The submodule whose output holds the tokens, how many of no place come first, and a norm."""

    name: str
    prefix: int = 0
    norm: Callable[[Tensor], Tensor] | None = None


class EncoderTower(nn.Module):
    """An encoder of images up to its tokens: after the final norm and before any projection.

    The class token is left out; maps are read row by row. A frozen tower stays in evaluation mode,
    and its parameters get no gradients; pixels do where they ask for them.
    """

    def __init__(self, encoder: ImageEncoder, *, is_frozen: bool = True) -> None:
        super().__init__()
        self.module: Any = encoder.module
        self.name = encoder.name
        self.preprocessing = encoder.preprocessing
        self.is_frozen = is_frozen
        self._site = token_site(encoder)
        if is_frozen:
            self.requires_grad_(requires_grad=False)
        probe = encoder.preprocess(Image.new("RGB", (64, 64)))
        with inference(self):
            output = self._output(probe[None])
            self.width = self._tokens(output).shape[2]
        self._stride = _stride(output, probe.shape[1], self.module, name=self.name)
        self._has_maps = output.ndim == 4
        self.train(not is_frozen)

    @property
    def digest(self) -> str:
        """Of its weights: what stored tokens are known by."""
        return weights_hash(self.module)

    def train(self, mode: bool = True) -> "EncoderTower":
        """As of any module, unless the tower is frozen."""
        return super().train(mode and not self.is_frozen)

    def forward(self, pixels: Pixels) -> ImageTokens:
        """The tokens in float32."""
        return self._tokens(self._output(pixels))

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Whole patches only; maps are rounded up, as their padded convolutions do."""
        high, wide = self._stride
        if self._has_maps:
            return -(-height // high), -(-width // wide)
        return height // high, width // wide

    def _output(self, pixels: Pixels) -> Tensor:
        kept: list[Tensor] = []
        place = self.module.get_submodule(self._site.name)
        hook = place.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
        try:
            self.module(pixels.to(input_dtype(self.module)))
        finally:
            hook.remove()
        return kept[-1]

    def _tokens(self, output: Tensor) -> ImageTokens:
        if output.ndim == 4:
            return output.flatten(2).transpose(1, 2).float().contiguous()
        patches = output[:, self._site.prefix :]
        normed = patches if self._site.norm is None else self._site.norm(patches)
        return normed.float().contiguous()


def load_encoder_tower(config: EncoderTowerConfig) -> EncoderTower:
    """The tower of an encoder by its name, as `load_image_encoder` knows names.

    Raises `UsageError` where its weights are not those that the configuration tells.
    """
    tower = EncoderTower(load_image_encoder(config.name), is_frozen=config.is_frozen)
    if config.width not in (None, tower.width):
        raise UsageError(
            f"the tokens of {config.name} have {tower.width} channels, not {config.width}: it is "
            "another encoder than the narrator was trained with."
        )
    if config.is_frozen and config.weights not in (None, tower.digest):
        raise UsageError(
            f"the weights of {config.name} are not those that the narrator was trained with. Find "
            f"those whose digest begins with {str(config.weights)[:12]}."
        )
    return tower


def described(config: EncoderTowerConfig, tower: EncoderTower) -> EncoderTowerConfig:
    """The configuration with what tells this tower from another of the same name."""
    weights = tower.digest if config.is_frozen else None
    return config.model_copy(update={"width": tower.width, "weights": weights})


def encoder_preprocessing(name: str) -> Preprocessing:
    """The size and statistics of an encoder, for whole images: their proportions are not kept."""
    found = load_image_encoder(name).preprocessing
    if not isinstance(found, Preprocessing):
        raise UsageError(f"the preprocessing of {name} is unknown. Give size, mean and std.")
    return replace(found, resize="squash", resize_to=None)


def token_site(encoder: ImageEncoder) -> TokenSite:
    """Where an encoder's tokens are; `UsageError` for a network without places."""
    found = _transformer_site(encoder.module)
    if found is not None:
        return found
    if encoder.site is None:
        raise UsageError(
            f"{encoder.name} gives neither patch tokens nor maps, so words have nowhere to look. "
            "Take a ViT or a convolutional network."
        )
    return TokenSite(encoder.site)


def _transformer_site(module: Any) -> TokenSite | None:
    """The tokens of open_clip's, timm's and torchvision's ViTs."""
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import VisionTransformer as OpenClipTransformer
    from timm.models.vision_transformer import VisionTransformer as TimmTransformer
    from torchvision.models import VisionTransformer as TorchvisionTransformer

    if isinstance(module, TimmModel):
        inner = _transformer_site(module.trunk)
        return None if inner is None else replace(inner, name=f"trunk.{inner.name}")
    if isinstance(module, OpenClipTransformer):
        # Of a tower that pools by attention the last norm is of what was pooled.
        has_norm = getattr(module, "attn_pool", None) is None
        return TokenSite("transformer", 1, module.ln_post.forward if has_norm else None)
    if isinstance(module, TimmTransformer):
        is_normed = not isinstance(module.norm, nn.Identity)
        norm = None if is_normed else module.fc_norm.forward
        return TokenSite("norm", module.num_prefix_tokens, norm)
    if isinstance(module, TorchvisionTransformer):
        return TokenSite("encoder", 1)
    return None


def _stride(output: Tensor, side: int, module: Any, *, name: str) -> tuple[int, int]:
    """Pixels per token, downwards and sideways, of a square image."""
    if output.ndim == 4:
        return round(side / output.shape[2]), round(side / output.shape[3])
    inner = getattr(module, "trunk", module)
    patch = getattr(getattr(inner, "patch_embed", inner), "patch_size", None)
    if patch is None:
        raise UsageError(f"the size of the patches of {name} is unknown.")
    return (patch, patch) if isinstance(patch, int) else (patch[0], patch[1])
