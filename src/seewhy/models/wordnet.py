"""What ImageNet's WordNet ids mean."""

from collections.abc import Sequence
from typing import Any


def spoken_names(wordnet_ids: Sequence[str]) -> dict[str, str]:
    """The first of the words that timm knows for each id; ids that it does not know are left out.

    Where two ids would get one word, each gets all of its own.
    """
    from timm.data.imagenet_info import ImageNetInfo

    info: Any = ImageNetInfo()
    known = set(info.label_names())
    words = {
        each: info.label_name_to_description(each, detailed=False)
        for each in wordnet_ids
        if each in known
    }
    first = {each: text.split(",")[0].strip() for each, text in words.items()}
    spoken = list(first.values())
    return {each: text if spoken.count(text) == 1 else words[each] for each, text in first.items()}
