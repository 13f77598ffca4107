"""Matching and grafting in shards are matching and grafting in one go."""

import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from seewhy.data.digits import DigitExperiment
from seewhy.methods.grafting.graft import Graft, grafted_similarities
from seewhy.methods.grafting.jobs import GraftJob, MatchJob
from seewhy.methods.grafting.matching import match_units
from seewhy.methods.grafting.method import Grafting
from seewhy.models.tiny import tiny_classifier, tiny_dual_encoder
from seewhy.passes.jobs import run_job
from seewhy.passes.options import PassOptions
from seewhy.passes.store import Store

RECORDS = DigitExperiment(side=32).records("held-out", "random")[:7]
CLASSIFIER, ENCODER = tiny_classifier("resnet"), tiny_dual_encoder("vit")
TEXTS = ENCODER.encode_texts(["a red digit", "a green digit"])
IN_SHARDS = PassOptions(shard_images=3)


@pytest.fixture(scope="module")
def pixels():
    images = [record.read() for record in RECORDS]
    return tuple(
        torch.stack([network.preprocess(image) for image in images])
        for network in (CLASSIFIER, ENCODER)
    )


@pytest.fixture(scope="module")
def whole(pixels):
    return match_units(CLASSIFIER, ENCODER, [pixels])


def match_job(**changes):
    return MatchJob(
        CLASSIFIER, ENCODER, **({"sites": CLASSIFIER.sites(), "images_at_once": 2} | changes)
    )


def graft_job(matching, **changes):
    given = {"text_embeddings": TEXTS, "settings": Grafting()} | changes
    return GraftJob(CLASSIFIER, ENCODER, matching, **given)


def test_shards_give_the_matching_of_the_whole(whole, tmp_path):
    job = match_job()
    stored = PassOptions(shard_images=3, store=Store(tmp_path / "parts"))
    for options in (IN_SHARDS, stored, stored):
        matching = job.matching(run_job(job, RECORDS, options))
        assert matching.images == 7
        assert_close(matching.sources.mean, whole.sources.mean, atol=1e-6, rtol=1e-6)
        assert_close(matching.sources.std, whole.sources.std, atol=1e-6, rtol=1e-6)
        for mine, theirs in zip(matching.stages, whole.stages, strict=True):
            assert_close(mine.score, theirs.score, atol=1e-6, rtol=0)
            assert (mine.best == theirs.best).double().mean() > 0.9


def test_shards_give_the_similarities_of_the_whole(whole, pixels):
    part = run_job(graft_job(whole), RECORDS, IN_SHARDS)
    expected = grafted_similarities(
        CLASSIFIER, ENCODER, Graft(whole), pixels, text_embeddings=TEXTS
    )
    plain = {record.id: row for record, row in zip(RECORDS, expected[:, 0], strict=True)}
    known = run_job(graft_job(whole, plain=plain), RECORDS, IN_SHARDS).arrays["similarities"]
    assert_close(torch.from_numpy(known), expected, atol=1e-5, rtol=0)
    assert part.facts["ids"] == [record.id for record in RECORDS]
    assert_close(torch.from_numpy(part.arrays["similarities"]), expected, atol=1e-5, rtol=0)


def test_the_key_tells_what_changes_numbers(whole):
    base = match_job().key()
    assert match_job().key() == base
    others = [
        match_job(sites=CLASSIFIER.sites()[1:]),
        match_job(images_at_once=3),
        match_job(precision="bfloat16"),
        MatchJob(tiny_classifier("vgg"), ENCODER, sites=CLASSIFIER.sites(), images_at_once=2),
    ]
    assert len({base, *(job.key() for job in others)}) == 5
    base = graft_job(whole).key()
    assert graft_job(whole).key() == base
    changed = match_units(CLASSIFIER, ENCODER, [(torch.rand(3, 3, 32, 32),) * 2])
    others = [
        graft_job(changed),
        graft_job(whole, text_embeddings=TEXTS.flip(0)),
        graft_job(whole, settings=Grafting(resize="bicubic")),
    ]
    assert len({base, *(job.key() for job in others)}) == 4


def test_an_image_is_prepared_for_each_network():
    image = Image.new("RGB", (40, 30), (200, 10, 10))
    own, other = match_job().prepare("id", image)
    assert torch.equal(own, CLASSIFIER.preprocess(image))
    assert torch.equal(other, ENCODER.preprocess(image))
