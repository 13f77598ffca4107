"""A language model that looks at an image while it writes: GPT-2 with cross-attention.

Source: NLX-GPT (Sammani et al., CVPR 2022). The grid code is ours.
"""

from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from seewhy.base.axes import OnePixels, Pixels
from seewhy.base.errors import UsageError
from seewhy.data.narration.records import NarrationRecord
from seewhy.models.narration.batches import RowBatch
from seewhy.models.narration.config import (
    ConvTowerConfig,
    EncoderTowerConfig,
    FeaturesTowerConfig,
    NarratorConfig,
    TowerConfig,
)
from seewhy.models.narration.encoder_towers import EncoderTower, described, load_encoder_tower
from seewhy.models.narration.rows import Row, RowMaker
from seewhy.models.narration.tokens import NarrationTokenizer
from seewhy.models.narration.towers import ConvTower, FeaturesTower, ImageTower, sine_grid

TowerTokens = Float[Tensor, "batch patches channels"]
SeenTokens = Float[Tensor, "batch patches dim"]
Hidden = Float[Tensor, "batch tokens dim"]
VocabLogits = Float[Tensor, "batch tokens vocab"]


class Narrator(nn.Module):
    """An image tower and a decoder of words; `decoder` is a GPT2LMHeadModel of transformers.

    `adapter` brings image tokens to the decoder's width, where the tower has another.
    `box_embedding` is there where the layout has objects.
    """

    def __init__(
        self, config: NarratorConfig, tokenizer: NarrationTokenizer, *, tower: ImageTower
    ) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        self.tower: Any = tower
        self.adapter: nn.Module = (
            nn.Identity() if tower.width == config.width else nn.Linear(tower.width, config.width)
        )
        self.decoder: Any = _decoder(config, vocabulary=tokenizer.size)
        self.box_embedding = nn.Linear(8, config.width) if config.layout.has_objects else None
        self._codes: dict[tuple[int, int], Tensor] = {}

    @property
    def rows(self) -> RowMaker:
        """What makes rows of records as this narrator was trained on them."""
        config = self.config
        return RowMaker(
            self.tokenizer,
            config.layout,
            cut=config.cut,
            published_noobject=config.published_noobject,
        )

    @property
    def device(self) -> torch.device:
        """Where the decoder computes."""
        device: torch.device = self.decoder.transformer.wte.weight.device
        return device

    def prompt(self, record: NarrationRecord) -> Row:
        """The row that an answer to this record continues."""
        return self.rows.prompt(record)

    def preprocess(self, image: Image.Image) -> OnePixels:
        """One decoded RGB image to what the tower gets."""
        return self.config.preprocessing(image)

    def image_tokens(self, pixels: Pixels) -> SeenTokens:
        """What the decoder looks at."""
        grid = self.tower.grid(*pixels.shape[2:])
        return self.adapted(self.tower(pixels), grid=grid)

    def adapted(
        self, tower_tokens: TowerTokens, *, grid: tuple[int, int] | None = None
    ) -> SeenTokens:
        """The same from the tower's tokens, such as those that were stored.

        `grid` is rows and columns of the tokens, those of the configured image size if None.
        """
        # In float32 as stored features may be halves; the decoder needs contiguous ones.
        tokens: Tensor = self.adapter(tower_tokens.to(self.decoder.dtype)).contiguous()
        if self.config.grid_code == "none":
            return tokens
        rows, cols = grid or self.tower.grid(*self.config.image_size)
        if rows * cols != tokens.shape[1]:
            raise UsageError(
                f"{tokens.shape[1]} image tokens are no grid of {rows} x {cols}. Give the `grid` "
                "of tokens of images of another size."
            )
        return tokens + self._code(rows, cols).to(tokens)

    def _code(self, rows: int, cols: int) -> Tensor:
        if (rows, cols) not in self._codes:
            self._codes[rows, cols] = sine_grid(rows, cols, width=self.config.width)
        return self._codes[rows, cols]

    def embedded(self, rows: RowBatch) -> Hidden:
        """Word, segment, box and object of each place, added up; positions come later."""
        words = self.decoder.transformer.wte
        total: Tensor = words(rows.ids)
        for ids in (rows.segments, rows.objects):
            if ids is not None:
                total = total + words(ids)
        if self.box_embedding is not None and rows.boxes is not None:
            # Without a box not even the bias is added.
            has_box = rows.boxes.sum(dim=-1, keepdim=True) != 0
            total = total + self.box_embedding(rows.boxes.to(total.dtype)) * has_box
        return total

    def hidden(self, rows: RowBatch, image_tokens: SeenTokens) -> Hidden:
        """The decoder's last features of each place, after its last norm."""
        # Padding on the right changes nothing before it, and attention is faster without a mask.
        is_left_padded = not bool(rows.mask[:, 0].all())
        found: Tensor = self.decoder.transformer(
            inputs_embeds=self.embedded(rows),
            position_ids=rows.positions,
            attention_mask=rows.mask.long() if is_left_padded else None,
            encoder_hidden_states=image_tokens,
            use_cache=False,
        ).last_hidden_state
        return found

    def states(self, rows: RowBatch, image_tokens: SeenTokens) -> tuple[Hidden, ...]:
        """Features of each place behind each block, of the last one after the last norm."""
        kept: list[Tensor] = []

        def keep(_block: nn.Module, _inputs: Any, output: Any) -> None:
            kept.append(output if isinstance(output, Tensor) else output[0])

        # The decoder's own way to give them is hooks that it never takes off.
        hooks = [block.register_forward_hook(keep) for block in self.decoder.transformer.h]
        try:
            last = self.hidden(rows, image_tokens)
        finally:
            for hook in hooks:
                hook.remove()
        return (*kept[:-1], last)

    def logits(self, hidden: Float[Tensor, "*places dim"]) -> Float[Tensor, "*places vocab"]:
        """Scores of every token to come next."""
        scores: Tensor = self.decoder.lm_head(hidden)
        return scores

    def forward(self, rows: RowBatch, image_tokens: SeenTokens) -> VocabLogits:
        """Scores of the next token at each place; those at padding mean nothing."""
        return self.logits(self.hidden(rows, image_tokens))


def build_narrator(
    config: NarratorConfig,
    tokenizer: NarrationTokenizer,
    *,
    seed: int = 0,
    tower: ImageTower | None = None,
) -> Narrator:
    """An untrained narrator in training mode, whose weights depend on `seed` alone.

    An encoder's tower is loaded by its name, with its own weights, and the narrator's
    configuration tells them; `tower` is taken instead of what the configuration names.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tower = build_tower(config.tower) if tower is None else tower
        if isinstance(config.tower, EncoderTowerConfig) and isinstance(tower, EncoderTower):
            config = config.model_copy(update={"tower": described(config.tower, tower)})
        return Narrator(config, tokenizer, tower=tower).train()


def build_tower(config: TowerConfig) -> ImageTower:
    """An untrained tower, or an encoder's with its own weights."""
    if isinstance(config, ConvTowerConfig):
        return ConvTower(config.channels)
    if isinstance(config, FeaturesTowerConfig):
        return FeaturesTower(config.width)
    return load_encoder_tower(config)


def _decoder(config: NarratorConfig, *, vocabulary: int) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    settings: Any = GPT2Config
    return GPT2LMHeadModel(
        settings(
            vocab_size=vocabulary,
            n_positions=config.positions,
            n_embd=config.width,
            n_layer=config.blocks,
            n_head=config.heads,
            resid_pdrop=config.dropout,
            embd_pdrop=config.dropout,
            attn_pdrop=config.dropout,
            add_cross_attention=True,
            # The same function as GPT-2's "gelu_new", in one operation.
            activation_function="gelu_pytorch_tanh",
            bos_token_id=None,
            eos_token_id=None,
            attn_implementation="sdpa",
        )
    )
