"""Planted units get their names, and noise gets none."""

from dataclasses import replace

import pytest
import torch
from tests.methods.unit_naming.planted import (
    BANK,
    NOISE,
    SILENT,
    WORDS,
    bank,
    colour_detectors,
    encoder,
    scenes,
    text_readout,
)
from torch.testing import assert_close

from seewhy.base.errors import DataError, UsageError
from seewhy.data.records import ImageRecord
from seewhy.methods.unit_naming.method import UnitNaming
from seewhy.models.guard import fingerprint
from seewhy.passes.jobs import run_job
from seewhy.passes.options import PassOptions

NAMING = UnitNaming(shuffles=39)


@pytest.fixture(scope="module")
def responses():
    """One pass over the scenes, whatever is asked of it afterwards."""
    job = NAMING.job(colour_detectors(), "site", encoder=encoder())
    records = [ImageRecord(f"scene {number}", image.copy) for number, image in enumerate(scenes())]
    return job, records, job.responses(run_job(job, records, PassOptions()))


def test_detectors_of_colours_are_named_and_noise_is_not(responses):
    job, _, seen = responses
    names = NAMING.names(seen, bank(), site=job.site)
    assert names.names == (*(f"a {colour} object" for colour in WORDS), None, None)
    assert names.corrected[NOISE] > 0.05
    assert names.silent.nonzero().tolist() == [[SILENT]]
    assert names.scores[SILENT].isnan().all()
    assert (names.margin[:NOISE] > 0).all()


def test_the_images_shown_are_the_strongest(responses):
    job, _, seen = responses
    names = NAMING.names(seen, bank(), site=job.site)
    red = seen.activations[:, 0]
    assert_close(red[names.strongest[0]], red.sort(descending=True).values[:6])


def test_shuffled_answers_name_nothing(responses):
    job, _, seen = responses
    order = torch.randperm(len(seen.ids), generator=torch.Generator().manual_seed(5))
    other = replace(seen, embeddings=seen.embeddings[order])
    assert set(NAMING.names(other, bank(), site=job.site).names) == {None}


def test_the_published_prior_names_them_without_a_test(responses):
    """Its scores are bounded by ln(units), which shuffles reach: right words, no evidence."""
    job, _, seen = responses
    names = replace(NAMING, protocol="published").names(seen, bank(), site=job.site)
    first = [BANK[best] for best in names.best[:NOISE, 0].tolist()]
    assert first == [f"a {colour} object" for colour in WORDS]


def test_a_readout_of_texts_is_named_by_its_texts():
    naming = replace(NAMING, similarity="rank-correlation")
    model = text_readout()
    before = fingerprint(model.module)
    names = naming.name_units(model, "2", images=scenes(), bank=bank(), encoder=encoder())
    assert names.names == BANK
    assert_close(names.scores[:, 0], torch.ones(len(BANK)), atol=1e-4, rtol=0)
    assert fingerprint(model.module) == before


def test_shards_and_batches_change_nothing(responses):
    job, records, seen = responses
    job.batch_size = 7
    found = job.responses(run_job(job, records[:30], PassOptions(shard_images=11)))
    assert found.ids == seen.ids[:30]
    assert_close(found.activations, seen.activations[:30])
    assert_close(found.embeddings, seen.embeddings[:30], atol=1e-5, rtol=0)


def test_more_images_than_allowed_are_thinned_by_the_seed(responses):
    _, records, _ = responses
    few = replace(NAMING, most_images=30)
    chosen = few.chosen(records)
    assert len(chosen) == 30
    assert chosen == few.chosen(records) != replace(few, seed=1).chosen(records)
    assert NAMING.chosen(records) is records


def test_images_that_cannot_be_used_are_told(responses):
    job, records, _ = responses

    def broken():
        raise DataError("unreadable", "broken.")

    bad = ImageRecord("bad", broken)
    found = job.responses(run_job(job, [bad, *records[:3]], PassOptions()))
    assert [failure.id for failure in found.failures] == ["bad"]
    with pytest.raises(DataError, match="none of 1 images"):
        job.responses(run_job(job, [bad], PassOptions()))


def test_settings_that_can_show_nothing_are_refused():
    with pytest.raises(UsageError, match="smallest"):
        UnitNaming(shuffles=10)
    with pytest.raises(UsageError, match="at least 2"):
        UnitNaming(best_texts=1)
