"""What a narrator wrote, and the settings it writes by."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.models.narration.narrator import Narrator
from seewhy.models.narration.rows import Row
from seewhy.models.narration.tokens import END, SPACE, NarrationTokenizer, forbidden_ids
from seewhy.models.narration.towers import ImageTokens

AttentionMaps = Float[Tensor, "tokens heads patches"]


@dataclass(frozen=True)
class DecodingOptions:
    """How the next token is chosen.

    "greedy" takes the likeliest, "beam" searches for the likeliest sentence with `beams` of them
    at a time, "nucleus" draws after `temperature`, `top_k` (0 = off) and `top_p` (0 = off).
    `length_penalty` is the power of its length that a sentence's log-probability is divided by.
    `longest` is the layout's limit if None. "masked" lets no special token be chosen; with "stop"
    a sentence ends at any, as published. `attention` keeps where the last block looked.
    `batch` sentences are written at a time.
    """

    method: Literal["greedy", "beam", "nucleus"] = "greedy"
    longest: int | None = None
    special: Literal["masked", "stop"] = "masked"
    beams: int = 4
    length_penalty: float = 1.0
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.9
    attention: bool = False
    batch: int = 64

    def __post_init__(self) -> None:
        if min(self.beams, self.batch, 1 if self.longest is None else self.longest) < 1:
            raise UsageError("decoding: beams, batch and longest are at least 1.")
        if not (self.temperature > 0 and self.top_k >= 0 and 0 <= self.top_p <= 1):
            raise UsageError(
                "decoding: temperature is above 0, top_k not below 0, and top_p from 0 to 1; these "
                f"are {self.temperature}, {self.top_k} and {self.top_p}."
            )


@dataclass(frozen=True, eq=False)
class Narration:
    """A sentence: its answer stands before the first token "because", its reason after it.

    `log_probabilities` has one number per id, of the choice among the tokens that were allowed;
    `ending` is that of the end marker, None where the limit of tokens ended the sentence.
    `attention` says for each id where the heads of the last block looked when it was chosen; it is
    None where that was not asked for, and where nothing was written.
    """

    text: str
    answer: str
    explanation: str
    ids: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    ending: float | None
    attention: AttentionMaps | None = None

    @property
    def log_probability(self) -> float:
        """Of the whole sentence, with its end where it has one."""
        return sum(self.log_probabilities) + (self.ending or 0.0)


@dataclass(frozen=True)
class Marks:
    """The ids that steer the writing: what ends it, what must not come, what starts the reason."""

    stops: frozenset[int]
    forbidden: tuple[int, ...]
    because: int

    @classmethod
    def of(cls, tokenizer: NarrationTokenizer, special: Literal["masked", "stop"]) -> "Marks":
        """`UsageError` for a tokenizer to which "because" is no token of its own."""
        end, because = tokenizer.ids((END, f"{SPACE}because"))
        if tokenizer.text([because]) != "because":
            raise UsageError(
                "this tokenizer has no token for the word because, which parts answer and reason."
            )
        forbidden = tuple(forbidden_ids(tokenizer))
        if special == "stop":
            return cls(frozenset((end, *forbidden)), (), because)
        return cls(frozenset((end,)), forbidden, because)


@dataclass
class Draft:
    """A sentence as far as it is written."""

    limit: int
    marks: Marks
    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    maps: list[Float[Tensor, "heads patches"]] = field(default_factory=list)
    ending: float | None = None
    explains: bool = False

    @property
    def is_done(self) -> bool:
        """Whether an end marker or the limit ended it."""
        return self.ending is not None or len(self.ids) >= self.limit

    @property
    def log_probability(self) -> float:
        """Of all that was chosen so far."""
        return sum(self.log_probabilities) + (self.ending or 0.0)

    def copy(self) -> "Draft":
        """One that goes on by itself."""
        return replace(
            self,
            ids=[*self.ids],
            log_probabilities=[*self.log_probabilities],
            maps=[*self.maps],
        )

    def become(self, other: "Draft") -> None:
        """Hold what the other one holds."""
        vars(self).update(vars(other.copy()))

    def take(self, token: int, log_probability: float, *, looked: Tensor | None = None) -> None:
        """Go on by one token, or end at one that stops."""
        if token in self.marks.stops:
            self.ending = log_probability
            return
        self.ids.append(token)
        self.log_probabilities.append(log_probability)
        self.explains = self.explains or token == self.marks.because
        if looked is not None:
            self.maps.append(looked)

    def narration(self, tokenizer: NarrationTokenizer) -> Narration:
        """The sentence with its two parts."""
        ids = self.ids
        split = ids.index(self.marks.because) if self.explains else len(ids)
        return Narration(
            text=tokenizer.text(ids),
            answer=tokenizer.text(ids[:split]),
            explanation=tokenizer.text(ids[split + 1 :]),
            ids=tuple(ids),
            log_probabilities=tuple(self.log_probabilities),
            ending=self.ending,
            attention=torch.stack(self.maps).float().cpu() if self.maps else None,
        )


def drafts(
    narrator: Narrator,
    image_tokens: ImageTokens,
    prompts: Sequence[Row],
    options: DecodingOptions,
) -> list[Draft]:
    """Empty ones, with the limits that the options and the decoder's positions set.

    Raises `UsageError` for prompts without room for an answer, or with images for others.
    """
    if len(image_tokens) != len(prompts):
        raise UsageError(
            f"{len(prompts)} prompts came with the tokens of {len(image_tokens)} images; each "
            "needs its own: repeat those of an image that is asked about twice."
        )
    marks = Marks.of(narrator.tokenizer, options.special)
    longest = options.longest or narrator.config.layout.generated
    positions = narrator.config.positions
    full = next((row for row in prompts if len(row) >= positions), None)
    if full is not None:
        raise UsageError(
            f"the prompt {full.id!r} has {len(full)} tokens and leaves no room for an answer in "
            f"{positions} positions. Shorten the question."
        )
    return [Draft(min(longest, positions - len(row)), marks) for row in prompts]
