"""Captions written anew, word by word, many images at a time, each word with its trace."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from seewhy.base.errors import UsageError
from seewhy.models.editing.beams import SearchRules, beam_search
from seewhy.models.editing.decoded import Decoded, WordMarks, quiet
from seewhy.models.editing.published_beams import published_search
from seewhy.models.editing.stepping import EditInputs, EditorNetwork


@dataclass(frozen=True)
class DecodeOptions:
    """How the next word is chosen.

    "beam" searches for the likeliest caption with `beams` beginnings of each at a time, "greedy"
    takes the likeliest word, as one beam does. A caption has at most `limit` words. It is the
    finished one with the highest log-probability over its number of choices to the power of
    `length_penalty`; the `n_best` best are given, as far as the beams found as many. No run of
    `no_repeat` words comes twice (0: any may). `allows_unknown` lets the mark of unknown words
    come; those of start and padding never do. `batch` images are searched at a time.

    The protocol "published" is the search of the published code, an image at a time: every mark
    may come, and a caption that does not end within 51 words is cut to `published_cut` tokens, the
    start among them, whatever else was found. It knows `beams` alone of the rest.
    """

    method: Literal["beam", "greedy"] = "beam"
    beams: int = 3
    limit: int = 20
    length_penalty: float = 0.0
    no_repeat: int = 0
    allows_unknown: bool = False
    n_best: int = 1
    batch: int = 32
    protocol: Literal["default", "published"] = "default"
    published_cut: int = 18

    def __post_init__(self) -> None:
        least = {
            name: getattr(self, name)
            for name in ("beams", "limit", "n_best", "batch", "published_cut")
        }
        small = [f"{name} is {value}" for name, value in least.items() if value < 1]
        if small:
            raise UsageError(f"decoding: {', '.join(small)}; at least 1 is wanted.")
        if not (self.length_penalty >= 0 and self.no_repeat >= 0):
            raise UsageError(
                "decoding: length_penalty and no_repeat are not below 0; these are "
                f"{self.length_penalty} and {self.no_repeat}."
            )
        if self.n_best > self.width:
            raise UsageError(
                f"decoding: {self.n_best} captions were asked for, and {self.width} beams find no "
                "more than as many. Raise `beams`, or lower `n_best`."
            )
        if self.protocol == "published" and (self.length_penalty, self.no_repeat, self.n_best) != (
            0,
            0,
            1,
        ):
            raise UsageError(
                "decoding: the published search knows neither length_penalty nor no_repeat nor "
                "n_best. Leave them, or take the default protocol."
            )

    @property
    def width(self) -> int:
        """The number of beams that are searched with: one for "greedy"."""
        return self.beams if self.method == "beam" else 1


_DEFAULT = DecodeOptions()


def decode(
    network: EditorNetwork,
    inputs: EditInputs,
    marks: WordMarks,
    options: DecodeOptions = _DEFAULT,
) -> list[list[Decoded]]:
    """The best captions of each row of the inputs, best first; at least one for each.

    What a row gets depends neither on the other rows nor on `options.batch`. A row whose scores
    are no numbers gets a caption without words that is not finished. The network is used in
    evaluation mode and left as it is found.
    """
    with quiet(network):
        if options.protocol == "published":
            return [
                [
                    published_search(
                        network, row, marks, beams=options.width, cut=options.published_cut
                    ).decoded
                ]
                for row in _batches(inputs, 1)
            ]
        rules = search_rules(options, marks)
        return [
            found
            for part in _batches(inputs, options.batch)
            for found in beam_search(network, part, rules)
        ]


def search_rules(options: DecodeOptions, marks: WordMarks) -> SearchRules:
    """The rules that these options set for captions of a vocabulary with these marks."""
    unknown = () if options.allows_unknown else (marks.unknown,)
    return SearchRules(
        start=marks.start,
        end=marks.end,
        forbidden=(marks.pad, marks.start, *unknown),
        beams=options.width,
        limit=options.limit,
        length_penalty=options.length_penalty,
        no_repeat=options.no_repeat,
        n_best=options.n_best,
    )


def _batches(inputs: EditInputs, size: int) -> Iterator[EditInputs]:
    every = torch.arange(len(inputs), device=inputs.lengths.device)
    parts = (every[start : start + size] for start in range(0, len(inputs), size))
    return map(inputs.take, parts)
