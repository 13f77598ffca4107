import pytest
import torch
from tests.methods.grafting.direct import direct_table
from tests.methods.grafting.networks import (
    SmallClassifier,
    clip_resnet,
    clip_vit,
    image_pairs,
    seeded,
)
from torch.testing import assert_close

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.grafting.matching import (
    IMAGES_AT_ONCE,
    identity_matching,
    match_units,
    matching_from,
    matching_sums,
)
from seewhy.methods.grafting.stacks import MapStacks, captured_maps
from seewhy.models.guard import fingerprint
from seewhy.models.sites import Site

ENCODERS = pytest.mark.parametrize("make_encoder", [clip_resnet, clip_vit])


def scores(matching):
    return torch.cat([stage.score for stage in matching.stages])


def best(matching):
    return torch.cat([stage.best for stage in matching.stages])


def in_batches(pairs, size):
    return list(zip(*(torch.split(pixels, size) for pixels in pairs), strict=True))


@ENCODERS
def test_matches_are_those_of_the_direct_form(make_encoder):
    classifier, encoder, pairs = SmallClassifier(1), make_encoder(2), image_pairs(6, 3)
    matching = match_units(classifier, encoder, [pairs])
    source_maps = captured_maps(classifier, classifier.sites(), pairs[0])
    target_maps = captured_maps(encoder, encoder.stages(), pairs[1])
    exact = direct_table(*([each.double() for each in maps] for maps in (source_maps, target_maps)))
    assert matching.images == 6
    assert [len(stage.best) for stage in matching.stages] == [each.shape[1] for each in target_maps]
    assert_close(scores(matching), exact.amax(dim=0), atol=1e-5, rtol=0)
    assert_close(exact.gather(0, best(matching)[None])[0], scores(matching), atol=1e-5, rtol=0)


@ENCODERS
def test_batch_size_changes_no_score_beyond_rounding(make_encoder):
    classifier, encoder = SmallClassifier(1), make_encoder(2)
    pairs = image_pairs(IMAGES_AT_ONCE + 3, 3)
    whole = match_units(classifier, encoder, [pairs])
    for size in (1, 6):
        parts = match_units(classifier, encoder, in_batches(pairs, size))
        assert_close(scores(parts), scores(whole), atol=1e-5, rtol=0)
        assert_close(parts.sources.mean, whole.sources.mean, atol=1e-6, rtol=1e-6)
        assert_close(parts.sources.std, whole.sources.std, atol=1e-6, rtol=1e-6)


def test_two_halves_merged_are_the_whole():
    classifier, encoder, pairs = SmallClassifier(1), clip_resnet(2), image_pairs(6, 3)
    places = {"sites": classifier.sites(), "stages": encoder.stages()}
    first, second = (
        matching_sums(classifier, encoder, [half], **places) for half in in_batches(pairs, 3)
    )
    first.merge(second)
    whole = match_units(classifier, encoder, [pairs])
    merged = matching_from(first, classifier, **places)
    assert merged.images == 6
    assert torch.equal(best(merged), best(whole))
    assert_close(scores(merged), scores(whole), atol=1e-6, rtol=0)


def test_the_table_of_source_units_names_site_and_channel():
    classifier, encoder, pairs = SmallClassifier(1), clip_resnet(2), image_pairs(4, 3)
    sources = match_units(classifier, encoder, [pairs]).sources
    maps = captured_maps(classifier, classifier.sites(), pairs[0])
    assert [site.name for site in sources.sites] == ["conv1", "conv2", "downsample", "conv3"]
    for unit in range(len(sources.mean)):
        values = maps[sources.site[unit]][:, sources.channel[unit]].double()
        assert sources.mean[unit].item() == pytest.approx(values.mean().item(), abs=1e-6)
        assert sources.std[unit].item() == pytest.approx(values.std(correction=0).item(), abs=1e-6)


def test_a_network_finds_itself():
    encoder, (_, pixels) = clip_resnet(2), image_pairs(5, 3)
    stages = encoder.stages()[1:]
    found = match_units(encoder, encoder, [(pixels, pixels)], sites=stages, stages=stages)
    own = identity_matching(encoder, [pixels], stages=stages)
    assert_close(scores(found), scores(own), atol=1e-5, rtol=0)
    alive = torch.cat([stage.std for stage in own.stages]) > 1e-3
    assert alive.float().mean() > 0.5
    assert torch.equal(best(found)[alive], best(own)[alive])
    assert_close(found.sources.std, own.sources.std)
    assert torch.equal(found.sources.channel, own.sources.channel)


def test_identity_matching_takes_all_stages_and_every_batch():
    encoder, (_, pixels) = clip_vit(2), image_pairs(5, 3)
    parts = identity_matching(encoder, [pixels[:2], pixels[2:]])
    whole = identity_matching(encoder, [pixels])
    assert parts.images == 5
    assert best(parts).tolist() == list(range(3 * 32))
    for mine, theirs in zip(parts.stages, whole.stages, strict=True):
        assert_close(mine.std, theirs.std, rtol=1e-6, atol=1e-6)


def test_permuted_images_are_never_paired_with_themselves():
    encoder, (_, pixels) = clip_resnet(2), image_pairs(6, 3)
    stages = encoder.stages()[-1:]
    chance = [
        match_units(
            encoder, encoder, [(pixels, pixels)], sites=stages, stages=stages, permute=seeded(seed)
        )
        for seed in (0, 0, 1)
    ]
    own = identity_matching(encoder, [pixels], stages=stages)
    alive = own.stages[0].std > 1e-3
    assert scores(chance[0])[alive].mean() < scores(own)[alive].mean() - 0.1
    assert torch.equal(scores(chance[0]), scores(chance[1]))
    assert not torch.equal(scores(chance[0]), scores(chance[2]))
    assert_close(chance[0].sources.std, own.sources.std)


def test_two_images_permuted_are_swapped():
    classifier, encoder, (small, large) = SmallClassifier(1), clip_resnet(2), image_pairs(2, 3)
    permuted = match_units(classifier, encoder, [(small, large)], permute=seeded(0))
    swapped = match_units(classifier, encoder, [(small.flip(0), large)])
    assert_close(scores(permuted), scores(swapped), atol=1e-6, rtol=0)


def test_the_networks_are_left_as_found():
    classifier, encoder, pairs = SmallClassifier(1), clip_resnet(2), image_pairs(3, 3)
    before = [fingerprint(network.module) for network in (classifier, encoder)]
    match_units(classifier, encoder, [pairs])
    assert [fingerprint(network.module) for network in (classifier, encoder)] == before


def test_half_precision_networks_match_too():
    classifier, encoder, pairs = SmallClassifier(1), clip_resnet(2), image_pairs(4, 3)
    exact = match_units(classifier, encoder, [pairs])
    classifier.module.bfloat16()
    coarse = match_units(classifier, encoder, [(pairs[0].bfloat16(), pairs[1])])
    assert_close(scores(coarse), scores(exact), atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("batches", "permute"), [([], None), ([tuple(image_pairs(1, 0))], seeded(0))]
)
def test_a_pass_without_pairs_is_refused(batches, permute):
    with pytest.raises(UsageError, match="no images"):
        match_units(SmallClassifier(1), clip_resnet(2), batches, permute=permute)


def test_an_identity_without_images_is_refused():
    with pytest.raises(UsageError, match="no images"):
        identity_matching(clip_resnet(2), [])


def test_unequal_batches_are_refused():
    small, large = image_pairs(3, 0)
    with pytest.raises(UsageError, match="pairs 2 images for the classifier with 3"):
        match_units(SmallClassifier(1), clip_resnet(2), [(small[:2], large)])


def test_no_sites_are_refused():
    with pytest.raises(UsageError, match="no sites"):
        match_units(SmallClassifier(1), clip_resnet(2), [image_pairs(2, 0)], sites=())


def test_a_site_without_maps_is_refused():
    with pytest.raises(UsageError, match=r"'flat' gave shape \(2, 6\)"):
        captured_maps(SmallClassifier(1), [Site("flat")], image_pairs(2, 0)[0])


def test_maps_with_nan_are_refused_by_name():
    classifier, pixels = SmallClassifier(1), image_pairs(2, 0)[0]
    with torch.no_grad():
        classifier.module.conv2.weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(DataError, match="'conv2' hold NaN") as caught:
        captured_maps(classifier, classifier.sites(), pixels)
    assert caught.value.code == "non_finite"


def out_of_memory_above(images, monkeypatch, error):
    make_room = MapStacks._make_room

    def limited(self):
        if self.images > images:
            raise error
        make_room(self)

    monkeypatch.setattr(MapStacks, "_make_room", limited)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_memory_that_runs_out_means_fewer_images_and_the_same_scores(monkeypatch, caplog, error):
    classifier, encoder, pairs = SmallClassifier(1), clip_resnet(2), image_pairs(9, 3)
    whole = match_units(classifier, encoder, [pairs])
    out_of_memory_above(2, monkeypatch, error)
    fewer = match_units(classifier, encoder, [pairs])
    assert fewer.images == 9
    assert_close(scores(fewer), scores(whole), atol=1e-6, rtol=0)
    assert "2 images at a time from now on" in caplog.text


def test_memory_too_small_for_one_image_is_refused(monkeypatch):
    out_of_memory_above(0, monkeypatch, torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(UsageError, match="one image do not fit"):
        match_units(SmallClassifier(1), clip_resnet(2), [image_pairs(9, 3)])


def test_other_faults_are_not_taken_for_memory(monkeypatch):
    out_of_memory_above(0, monkeypatch, RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        match_units(SmallClassifier(1), clip_resnet(2), [image_pairs(2, 3)])
