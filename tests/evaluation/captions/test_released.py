"""The published output on VQA-X gets its published scores; the data are not shipped."""

import pytest
from tests.evaluation.captions.golden import released

from seewhy.evaluation.captions.items import caption_items
from seewhy.evaluation.captions.meteor import NAME
from seewhy.evaluation.captions.scores import score_captions


def test_unfiltered_scores_are_the_published_ones():
    rows, expected = released()
    explanations = {row["id"]: row["generated"].split("because")[-1] for row in rows}
    references = {row["id"]: row["explanations"] for row in rows}
    found = score_captions(caption_items(explanations, references)).values
    wanted = expected["unfiltered"]
    assert [found[f"BLEU-{order}"] for order in range(1, 5)] == pytest.approx(
        wanted["bleu"], abs=1e-9
    )
    assert found["ROUGE-L"] == pytest.approx(wanted["rouge_l"], abs=1e-9)
    assert found["CIDEr"] == pytest.approx(wanted["cider"], abs=1e-9)
    assert wanted["meteor"] - found[NAME] == pytest.approx(0.0124, abs=2e-4)
