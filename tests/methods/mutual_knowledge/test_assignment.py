from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.methods.mutual_knowledge.golden import arrays
from torch.nn import functional
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.assignment import (
    Assigning,
    Bank,
    assigned_texts,
    part_texts,
    ranked_texts,
)
from seewhy.methods.mutual_knowledge.visual_prompts import mean_embeddings


def noise(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def golden(case, protocol):
    stored = {key: torch.from_numpy(array) for key, array in arrays("concepts").items()}
    is_transport, is_filtered, preselected, texts, temperature, offset = stored[
        f"case{case}_params"
    ].tolist()
    how = Assigning(
        ranking="transport" if is_transport else "similarity",
        texts=int(texts),
        preselected=int(preselected),
        relevance="near-mean" if is_filtered else "any",
        offset=offset,
        sharpness=1 / temperature,
        protocol=protocol,
    )
    parts = mean_embeddings(stored["prompt_features"].transpose(0, 1))
    (found,) = assigned_texts(
        parts,
        stored["image_feature"][None],
        owners=torch.zeros(len(parts), dtype=torch.long),
        bank=Bank(stored["concept_weight"], stored["raw_text_features"]),
        how=how,
    )
    return found


@pytest.mark.parametrize("case", range(5))
@pytest.mark.parametrize("protocol", ["mended", "published"])
def test_the_published_assignments(case, protocol):
    found, stored = golden(case, protocol), arrays("concepts")
    np.testing.assert_array_equal(found.ids, stored[f"case{case}_concept_ids"])
    np.testing.assert_array_equal(found.ranked.ids, stored[f"case{case}_ranked_ids"])
    np.testing.assert_allclose(found.ranked.scores, stored[f"case{case}_ranked_scores"], atol=1e-5)
    assert found.ranked.mean == pytest.approx(float(stored[f"case{case}_mean_score"]), abs=1e-5)


@pytest.mark.parametrize("case", range(4))
def test_the_published_candidates_and_plans(case):
    found, stored = golden(case, "mended"), arrays("concepts")
    order = stored[f"case{case}_candidate_ids"].argsort()
    np.testing.assert_array_equal(found.candidates.ids, stored[f"case{case}_candidate_ids"][order])
    np.testing.assert_allclose(found.values, stored[f"case{case}_transport"][:, order], atol=3e-6)
    assert found.has_converged


ALL = {"relevance": "any", "preselected": 99}


def test_a_transport_gives_a_part_what_is_more_its_than_others():
    """Text 0 is nearest to both parts; the second part's difference lies in text 2."""
    similar = torch.tensor([[0.9, 0.8, 0.1], [0.9, 0.3, 0.5]], dtype=torch.float64)
    for ranking, second in (("similarity", 0), ("transport", 2), ("centred", 2)):
        found = part_texts(similar, noise(3), how=Assigning(ranking=ranking, texts=1, **ALL))
        assert found.ids[1].item() == second
        assert found.ranking == ranking


def test_candidates_are_near_to_every_part():
    similar = torch.tensor([[5.0, 4, 3, 2, 1], [1.0, 2, 3, 5, 4]], dtype=torch.float64)
    how = Assigning(preselected=3, texts=1, relevance="any")
    found = part_texts(similar, noise(5), how=how)
    assert found.candidates.ids.tolist() == [2]
    assert found.candidates.preselected == 3


def test_the_preselection_grows_until_a_part_has_its_texts():
    similar = torch.tensor([[5.0, 4, 3, 2, 1], [1.0, 2, 3, 4, 5]], dtype=torch.float64)
    how = Assigning(preselected=1, texts=2, relevance="any")
    found = part_texts(similar, noise(5), how=how)
    assert found.candidates.preselected == 4
    assert found.candidates.ids.tolist() == [1, 2, 3]
    assert found.ids.shape == (2, 2)
    with pytest.raises(UsageError, match="fewer than the 2"):
        part_texts(similar, noise(5), how=replace(how, protocol="published"))


RELEVANT = torch.tensor([0.9, 0.1, 0.2, 0.3], dtype=torch.float64)


@pytest.mark.parametrize(
    ("rule", "offset", "ids"),
    [
        ("near-mean", 0.0, [0]),
        ("near-mean", 0.1, [0, 3]),
        ("near-mean", 0.2, [0, 2, 3]),
        ("above-median", 0.02, [0, 3]),
        ("any", 0.02, [0, 1, 2, 3]),
    ],
)
def test_relevance_by_hand(rule, offset, ids):
    """The mean is 0.375 and the median 0.25."""
    found = part_texts(noise(2, 4), RELEVANT, how=Assigning(texts=1, relevance=rule, offset=offset))
    assert found.candidates.ids.tolist() == ids
    assert found.candidates.offset == (None if rule == "any" else offset)


def test_relevance_is_loosened_until_enough_are_relevant():
    found = part_texts(noise(2, 4), RELEVANT, how=Assigning(texts=3, offset=0.05))
    assert found.candidates.offset == 0.2
    assert found.candidates.ids.tolist() == [0, 2, 3]
    none = part_texts(noise(2, 4), RELEVANT, how=Assigning(texts=3, offset=0.0))
    assert none.candidates.offset is None
    assert none.candidates.ids.tolist() == [0, 1, 2, 3]
    with pytest.raises(UsageError, match="mended"):
        part_texts(noise(2, 4), RELEVANT, how=Assigning(texts=3, protocol="published"))


def test_a_single_part_takes_its_most_similar_texts():
    similar = torch.tensor([[0.1, 0.5, 0.3, 0.4]])
    mended = part_texts(similar, RELEVANT, how=Assigning(texts=2, **ALL))
    assert mended.ids.tolist() == [[1, 3]]
    assert mended.ranking == "similarity"
    assert mended.rounds is None
    published = part_texts(similar, RELEVANT, how=Assigning(texts=2, protocol="published", **ALL))
    assert published.ids.tolist() == [[0, 1]]
    assert published.ranking == "transport"


@pytest.mark.parametrize("ranking", ["transport", "centred", "similarity"])
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("texts", [1, 2])
def test_a_bank_smaller_than_what_a_part_takes_is_taken_whole(ranking, parts, texts):
    found = part_texts(noise(parts, texts), noise(texts), how=Assigning(ranking=ranking))
    assert found.ids.shape == (parts, texts)
    assert found.ids.sort().values.tolist() == [list(range(texts))] * parts
    assert sorted(found.ranked.ids.tolist()) == list(range(texts))


@pytest.mark.parametrize("ranking", ["transport", "centred", "similarity"])
def test_an_image_without_parts_has_no_texts(ranking):
    found = part_texts(noise(0, 5), noise(5), how=Assigning(ranking=ranking))
    assert found.ids.numel() == found.ranked.ids.numel() == 0
    assert np.isnan(found.ranked.mean)


@pytest.mark.parametrize("ranking", ["transport", "centred", "similarity"])
def test_of_equal_texts_the_lower_id_wins(ranking):
    rows = functional.normalize(noise(7, 16).float() - 0.5, dim=-1)
    bank = rows.repeat(3, 1)
    parts = functional.normalize(noise(4, 16, seed=1).float() - 0.5, dim=-1)
    (found,) = assigned_texts(
        parts,
        parts[:1],
        owners=torch.zeros(4, dtype=torch.long),
        bank=Bank(bank, bank),
        how=Assigning(ranking=ranking, texts=6, relevance="any", preselected=21),
    )
    for row in found.ids.tolist():
        assert row[0] < 7
        assert row[:3] == [row[0], row[0] + 7, row[0] + 14]
        assert row[3:] == [row[3], row[3] + 7, row[3] + 14]


def test_images_are_what_they_are_alone():
    parts, images, bank = noise(6, 8) - 0.5, noise(3, 8, seed=1), noise(40, 8, seed=2) - 0.5
    owners = torch.tensor([0, 0, 0, 2, 2, 2])
    texts, how = Bank(bank.float(), bank.float()), Assigning(preselected=20)
    found = list(assigned_texts(parts.float(), images.float(), owners=owners, bank=texts, how=how))
    assert [len(each.ids) for each in found] == [3, 0, 3]
    (alone,) = assigned_texts(
        parts[3:].float(),
        images[2:].float(),
        owners=torch.zeros(3, dtype=torch.long),
        bank=texts,
        how=how,
    )
    assert torch.equal(found[2].ids, alone.ids)
    assert torch.equal(found[2].ranked.ids, alone.ranked.ids)


def test_the_length_of_an_image_and_of_raw_texts_does_not_count_and_that_of_a_part_does():
    part, image, bank = noise(1, 8), noise(1, 8, seed=1), noise(9, 8, seed=2)

    def found(parts, images, raw):
        (each,) = assigned_texts(
            parts, images, owners=torch.zeros(1, dtype=torch.long), bank=Bank(bank, raw), how=how
        )
        return each

    how = Assigning(**ALL)
    usual, other = found(part, image, bank), found(2 * part, 7 * image, 3 * bank)
    assert_close(other.values, 2 * usual.values)
    assert_close(other.ranked.scores, usual.ranked.scores)


def test_a_text_of_two_parts_is_ranked_once_and_equals_keep_their_order():
    relevant = torch.tensor([0.2, 0.4, 0.4, 0.1], dtype=torch.float64)
    found = ranked_texts(torch.tensor([[2, 0], [1, 2]]), relevant)
    assert found.ids.tolist() == [2, 1, 0]
    assert_close(found.scores, torch.tensor([1.0, 1.0, 0.5], dtype=torch.float64))


@pytest.mark.parametrize("fault", [{"texts": 0}, {"preselected": 0}])
def test_nothing_to_choose_is_refused(fault):
    with pytest.raises(UsageError, match="at least one text"):
        Assigning(**fault)


def test_an_empty_bank_is_refused():
    with pytest.raises(UsageError, match="no texts"):
        list(
            assigned_texts(
                noise(2, 4),
                noise(1, 4),
                owners=torch.zeros(2, dtype=torch.long),
                bank=Bank(noise(0, 4), noise(0, 4)),
                how=Assigning(),
            )
        )
