import pytest
import torch
from tests.models.narration.toys import stored, stored_part

from seewhy.base.errors import UsageError
from seewhy.models.narration.concept_head import ConceptHead


def stored_head():
    head = ConceptHead([str(word) for word in stored()["concept_words"]], width=24).eval()
    head.load_state_dict(stored_part("head."))
    return head


def test_the_stored_head_scores_and_ranks_as_published():
    head, tokens = stored_head(), stored()["vit_patch_features"]
    torch.testing.assert_close(head(tokens), stored()["concept_logits"], atol=1e-4, rtol=0)
    words = stored()["concept_words"]
    wanted = [tuple(str(words[place]) for place in row) for row in stored()["concept_top20"]]
    assert head.best(tokens) == wanted


def test_the_best_concepts_read_as_the_published_pieces_do():
    found = stored_head().best(stored()["vit_patch_features"])
    for concepts, pieces in zip(found, stored()["concept_token_strings"], strict=True):
        text = "".join(f" {concept.replace('_', ' ')}" for concept in concepts)
        assert text.startswith("".join(map(str, pieces)).replace("\u0120", " "))


def test_the_order_of_places_does_not_matter_and_too_many_concepts_are_refused():
    head, tokens = stored_head(), stored()["vit_patch_features"]
    torch.testing.assert_close(head(tokens.flip(1)), head(tokens))
    with pytest.raises(UsageError, match="26 concepts were asked for; the head knows 25"):
        head.best(tokens, count=26)
