import numpy as np
import pytest
from tests.audit.documents import GROUPS, details, share, verdict

from seewhy.audit import parts
from seewhy.audit.schema import Estimate


def test_shares_keep_their_intervals_and_gaps():
    part = parts.estimate_scores("a", {"x": share(0.5, 0.1), "y": share(None)})
    np.testing.assert_array_equal(part.scores, [0.5, np.nan])
    np.testing.assert_array_equal(part.low, [0.4, np.nan])
    np.testing.assert_array_equal(part.high, [0.6, np.nan])
    assert part.unit == "share"


def test_scores_are_named_as_measured():
    made = details()
    assert parts.share_scores(verdict()).names == tuple(GROUPS)
    assert parts.accuracy_scores(made).names == tuple(made.accuracy)
    assert parts.flip_scores(made).names == tuple(row.name for row in made.interventions)


def test_the_graft_is_read_before_and_after():
    before, after = parts.graft_scores(details())
    assert before.scores[0] == pytest.approx(0.64)
    assert after.scores[0] == pytest.approx(0.96)
    assert parts.graft_scores(details().model_copy(update={"layers": []})) == ()


def test_a_group_that_is_missing_in_a_stage_is_a_gap():
    made = details()
    layers = [made.layers[0].model_copy(update={"readable": {}}), *made.layers[1:]]
    curve = parts.readable_curve(made.model_copy(update={"layers": layers}))
    assert curve.names == tuple(GROUPS)
    assert np.isnan(curve.values[:, 0]).all()
    assert not np.isnan(curve.values[:, 1:]).any()


def test_similarities_are_those_of_the_group():
    made = details()
    curve = parts.similarity_curves(made, GROUPS)[1]
    assert curve.names == ("5", "8")
    for row, caption in enumerate(("a digit with the value 5", "a digit with the value 8")):
        wanted = [layer.similarity[caption].value for layer in made.layers]
        np.testing.assert_allclose(curve.values[row], wanted)


def test_a_value_with_several_captions_shows_each():
    groups = {"colour": {"red": ["a red digit", "scarlet"], "green": ["a green digit"]}}
    layer = details().layers[0]
    one = {"layers": [layer.model_copy(update={"similarity": {"scarlet": Estimate(value=0.5)}})]}
    (curve,) = parts.similarity_curves(details().model_copy(update=one), groups)
    assert curve.names == ("a red digit", "scarlet", "green")
    np.testing.assert_array_equal(curve.values[:, 0], [np.nan, 0.5, np.nan])


def test_a_few_lines_share_their_colour():
    curve = parts.similarity_curves(details(), GROUPS)[0]
    assert parts.similarity_colours(curve, 5) == (5, 5)
    many = {"colour": {str(n): [str(n)] for n in range(9)}}
    (curve,) = parts.similarity_curves(details(), many)
    assert len(set(parts.similarity_colours(curve, 5))) == 9


def test_matching_runs_from_the_lowest_to_the_highest_quantile():
    made = details()
    curve = parts.matching_curve(made)
    np.testing.assert_allclose(curve.values[0], [stage.mean for stage in made.matching])
    np.testing.assert_allclose(curve.low[0], [stage.quantiles[0] for stage in made.matching])
    np.testing.assert_allclose(curve.high[0], [stage.quantiles[-1] for stage in made.matching])
    assert np.isnan(curve.values[1, -1])
    assert curve.ticks == ("layer1", "layer2", "layer3", "layer4")


@pytest.mark.parametrize(
    ("sites", "short"),
    [
        (["visual.layer1", "visual.layer2"], ("layer1", "layer2")),
        (["visual.blocks.0.out", "visual.blocks.1.out"], ("0", "1")),
        (["visual.layer1"], ("visual.layer1",)),
        (["same", "same"], ("same", "same")),
        (["a.b", "a"], ("a.b", "a")),
        ([], ()),
    ],
)
def test_what_all_sites_share_is_left_out(sites, short):
    assert parts.short_sites(sites) == short
