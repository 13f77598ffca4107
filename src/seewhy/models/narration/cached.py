"""The decoder token by token: what earlier tokens and the image gave is kept, not computed again.

The same numbers as GPT2LMHeadModel gives, from its own weights; only its passes are taken apart, as
its machinery around them costs more than the arithmetic of a small model.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from seewhy.models.narration.batches import RowBatch
from seewhy.models.narration.narrator import Narrator
from seewhy.models.narration.tokens import ANSWER, EXPLANATION, NO_OBJECT
from seewhy.models.narration.towers import ImageTokens

Features = Float[Tensor, "rows dim"]
Split = Float[Tensor, "rows heads tokens size"]
LookedAt = Float[Tensor, "rows heads patches"]


class CachedDecoder:
    """A narrator's decoder after prompts padded on the left, ready for one token a row.

    `capacity` is the number of tokens that may follow; `attention` keeps where it looks.
    """

    def __init__(
        self,
        narrator: Narrator,
        prompts: RowBatch,
        image_tokens: ImageTokens,
        *,
        capacity: int,
        attention: bool = False,
    ) -> None:
        prompts = prompts.to(image_tokens.device)
        self._narrator = narrator
        self._transformer = narrator.decoder.transformer
        self._heads = narrator.config.heads
        self._attention = attention
        self._looked_at: LookedAt | None = None
        self._images = [self._image_parts(block, image_tokens) for block in self._transformer.h]
        rows, self._filled = prompts.ids.shape
        shape = (rows, self._heads, self._filled + capacity, narrator.config.width // self._heads)
        self._keys = [image_tokens.new_empty(shape) for _ in self._images]
        self._values = [image_tokens.new_empty(shape) for _ in self._images]
        self._bias = self._padding_bias(prompts.mask, capacity, like=image_tokens)
        self._is_padded = not bool(prompts.mask.all())
        self._positions = prompts.mask.sum(dim=1)
        self._segments = self._segment_rows(prompts)
        self._hidden: Features = self._prompted(prompts)

    def scores(self) -> Float[Tensor, "rows vocab"]:
        """Of every token to come next."""
        return self._narrator.logits(self._hidden)

    def looked_of(self, row: int) -> Float[Tensor, "heads patches"] | None:
        """Where the last block's heads looked for the token that this row chooses now.

        None unless `attention` was asked for.
        """
        return None if self._looked_at is None else self._looked_at[row]

    def step(self, ids: Sequence[int], *, explains: Sequence[bool]) -> None:
        """Take one more token of each row in; `explains` is False in the answer."""
        words, positions = self._transformer.wte, self._transformer.wpe
        device = self._bias.device
        # Rows that are finished but still held may be at the last position already.
        places = self._positions.clamp(max=positions.num_embeddings - 1)
        state = words(torch.tensor(ids, device=device)) + positions(places)
        if self._segments is not None:
            state = state + self._segments[torch.tensor(explains, device=device).long()]
        self._positions = self._positions + 1
        self._filled += 1
        bias = self._bias[..., : self._filled] if self._is_padded else None
        self._hidden = self._passed(state[:, None], bias)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone; one may come several times, all from the same image.

        Where there are several rows per image, they stand side by side, as many for each.
        """
        index = torch.tensor(rows, device=self._bias.device)
        for held in (self._keys, self._values):
            held[:] = [self._moved(each, index) for each in held]
        self._bias, self._positions = self._bias[index], self._positions[index]

    def keep_images(self, images: Sequence[int]) -> None:
        """Go on with these images alone."""
        index = torch.tensor(images, device=self._bias.device)
        self._images = [(keys[index], values[index]) for keys, values in self._images]

    def _moved(
        self, held: Split, rows: Int[Tensor, " moved"]
    ) -> Float[Tensor, "moved heads tokens size"]:
        moved = held.new_empty((len(rows), *held.shape[1:]))
        moved[:, :, : self._filled] = held[rows, :, : self._filled]
        return moved

    def _image_parts(self, block: Any, image_tokens: ImageTokens) -> tuple[Split, Split]:
        keys, values = block.crossattention.c_attn(image_tokens).chunk(2, dim=-1)
        return self._split(keys).contiguous(), self._split(values).contiguous()

    def _split(self, tokens: Tensor) -> Split:
        return tokens.view(*tokens.shape[:-1], self._heads, -1).transpose(1, 2)

    def _padding_bias(
        self, mask: Bool[Tensor, "rows tokens"], capacity: int, *, like: Tensor
    ) -> Float[Tensor, "rows 1 1 tokens_and_more"]:
        bias = like.new_zeros((len(mask), 1, 1, mask.shape[1] + capacity))
        bias[:, 0, 0, : mask.shape[1]].masked_fill_(~mask, -torch.inf)
        return bias

    def _segment_rows(self, prompts: RowBatch) -> Float[Tensor, "2 dim"] | None:
        """What is added to a token of the answer, and to one of the reason."""
        words, tokenizer = self._transformer.wte.weight, self._narrator.tokenizer
        if prompts.segments is None and prompts.objects is None:
            return None
        total: Tensor = words.new_zeros((2, words.shape[1]))
        if prompts.segments is not None:
            total = total + words[tokenizer.ids((ANSWER, EXPLANATION))]
        if prompts.objects is not None:
            total = total + words[tokenizer.ids((NO_OBJECT,))]
        return total

    def _prompted(self, prompts: RowBatch) -> Features:
        state = self._narrator.embedded(prompts) + self._transformer.wpe(prompts.positions)
        length = self._filled
        later = torch.ones(length, length, dtype=torch.bool, device=state.device).triu(1)
        bias = self._bias[..., :length].expand(-1, 1, length, length)
        bias = bias.masked_fill(later, -torch.inf)
        # A place of padding sees itself, as the softmax over nothing would be no number.
        itself = torch.eye(length, dtype=torch.bool, device=state.device)
        return self._passed(state, bias.masked_fill(itself, 0))

    def _passed(self, state: Tensor, bias: Tensor | None) -> Features:
        """The last place's features after all blocks; keys and values of all places are kept."""
        last = len(self._transformer.h) - 1
        for depth, block in enumerate(self._transformer.h):
            normed = _normed(state, block.ln_1)
            query, key, value = map(
                self._split, _linear(normed, block.attn.c_attn).chunk(3, dim=-1)
            )
            start = self._filled - state.shape[1]
            self._keys[depth][:, :, start : self._filled] = key
            self._values[depth][:, :, start : self._filled] = value
            if depth == last:
                # What is chosen by the last place needs no other one from here on.
                state, query = state[:, -1:], query[:, :, -1:]
                bias = bias if bias is None else bias[:, :, -1:]
            state = state + self._own(depth, query, bias)
            state = state + self._seen(depth, _normed(state, block.ln_cross_attn))
            inner = _linear(_normed(state, block.ln_2), block.mlp.c_fc)
            inner = functional.gelu(inner, approximate="tanh")
            state = state + _linear(inner, block.mlp.c_proj)
        return _normed(state, self._transformer.ln_f)[:, 0]

    def _own(self, depth: int, query: Split, bias: Tensor | None) -> Tensor:
        """What the tokens so far give."""
        found = functional.scaled_dot_product_attention(
            query,
            self._keys[depth][:, :, : self._filled],
            self._values[depth][:, :, : self._filled],
            attn_mask=bias,
        )
        joined = found.transpose(1, 2).flatten(2)
        return _linear(joined, self._transformer.h[depth].attn.c_proj)

    def _seen(self, depth: int, normed: Tensor) -> Tensor:
        """What the image gives; rows of one image look at it together."""
        attention = self._transformer.h[depth].crossattention
        keys, values = self._images[depth]
        rows, tokens, width = normed.shape
        query = self._split(_linear(normed, attention.q_attn).reshape(len(keys), -1, width))
        if self._attention and depth == len(self._images) - 1:
            weights = (query @ keys.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(dim=-1)
            self._looked_at = weights.transpose(1, 2).reshape(rows, self._heads, -1)
            found = weights @ values
        else:
            found = functional.scaled_dot_product_attention(query, keys, values)
        joined = found.transpose(1, 2).reshape(rows, tokens, -1)
        return _linear(joined, attention.c_proj)


def _normed(state: Tensor, norm: Any) -> Tensor:
    return functional.layer_norm(state, state.shape[-1:], norm.weight, norm.bias, norm.eps)


def _linear(state: Tensor, layer: Any) -> Tensor:
    """A layer of GPT-2, whose weights are (inputs, outputs)."""
    found = torch.addmm(layer.bias, state.reshape(-1, state.shape[-1]), layer.weight)
    return found.view(*state.shape[:-1], -1)
