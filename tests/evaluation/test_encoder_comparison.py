import math

import numpy as np
import pytest
from scipy.stats import linregress, spearmanr

from seewhy.base.errors import UsageError
from seewhy.evaluation.encoder_comparison import EncoderFigures, relation, relations

PUBLISHED = """
ViT-B/32      ViT      61.66 7.40 7.26 3.61 3.39
ViT-B/16      ViT      67.70 7.50 7.44 3.62 3.53
ViT-B/32-dcp  ViT      68.88 7.79 7.65 3.93 3.70
ViT-B/16-dcp  ViT      73.37 7.68 7.58 3.99 3.81
ViT-L/14      ViT      74.77 7.94 7.89 4.47 4.37
ViT-L/14@336  ViT      76.23 7.96 7.93 4.51 4.44
ViT-B/16-dfn  ViT      76.24 8.19 8.11 4.62 4.46
RN-50         ResNet   58.42 7.14 7.20 3.23 3.32
RN-101        ResNet   60.90 7.43 7.53 3.49 3.60
RN-50x4       ResNet   65.28 7.53 7.58 3.84 3.90
RN-50x16      ResNet   70.04 7.51 7.63 3.85 4.03
ConvNeXt-B1   ConvNeXt 65.36 6.47 6.66 2.54 2.80
ConvNeXt-B2   ConvNeXt 71.22 7.16 7.56 3.19 3.74
"""


def published(parts):
    """The table of the paper, for parts by "pca", by "kmeans", or the mean of both."""
    weights = {"pca": (1, 0), "kmeans": (0, 1), "both": (0.5, 0.5)}[parts]
    rows = [line.split() for line in PUBLISHED.strip().splitlines()]
    for name, family, *cells in rows:
        accuracy, *others = map(float, cells)
        information, area = np.array(others).reshape(2, 2) @ weights
        yield EncoderFigures(name, family, accuracy, information, area)


@pytest.mark.parametrize(
    ("parts", "family", "slope", "intercept", "correlation"),
    [
        ("pca", "ViT", 11.51, 23.97, 0.903),
        ("kmeans", "ViT", 10.91, 28.09, 0.917),
        ("both", "ViT", 11.25, 25.90, 0.912),
        ("pca", "ResNet", 15.71, 7.08, 0.920),
        ("kmeans", "ResNet", 15.52, 6.05, 0.964),
    ],
)
def test_the_published_table_gives_its_lines(parts, family, slope, intercept, correlation):
    found = relations(list(published(parts)))[family]
    assert found.slope == pytest.approx(slope, abs=0.005)
    assert found.intercept == pytest.approx(intercept, abs=0.005)
    assert found.pearson.value == pytest.approx(correlation, abs=0.0005)


@pytest.mark.parametrize(("parts", "correlation"), [("pca", 0.75), ("kmeans", 0.81)])
def test_the_published_table_gives_its_rank_correlation(parts, correlation):
    found = relations(list(published(parts)))
    assert list(found) == ["all", "ViT", "ResNet"]
    assert found["all"].encoders == 13
    assert found["all"].spearman.value == pytest.approx(correlation, abs=0.005)
    assert found["all"].spearman.low < correlation < found["all"].spearman.high


def encoders(x, y):
    return [
        EncoderFigures(f"e{n}", "f", float(b), 0.0, float(a))
        for n, (a, b) in enumerate(zip(x, y, strict=True))
    ]


def test_figures_are_those_of_scipy():
    generator = np.random.default_rng(0)
    x, y = generator.integers(0, 6, 9) / 2, generator.normal(size=9)
    found, line = relation(encoders(x, y)), linregress(x, y)
    assert (found.slope, found.intercept) == pytest.approx((line.slope, line.intercept))
    assert found.pearson.value == pytest.approx(line.rvalue)
    assert found.spearman.value == pytest.approx(spearmanr(x, y).statistic)
    assert found.accuracy(2.0) == pytest.approx(line.intercept + 2 * line.slope)


def test_encoders_on_a_line_leave_no_doubt():
    found = relation(encoders(range(6), [3 - 2 * x for x in range(6)]))
    assert (found.slope, found.intercept) == pytest.approx((-2, 3))
    for interval in (found.pearson, found.spearman):
        assert (interval.value, interval.low, interval.high) == pytest.approx((-1, -1, -1))


def test_the_interval_of_many_encoders_is_fishers():
    generator = np.random.default_rng(4)
    x = generator.normal(size=400)
    y = 0.6 * x + 0.8 * generator.normal(size=400)
    found = relation(encoders(x, y)).pearson
    middle, half = math.atanh(found.value), 1.96 / math.sqrt(397)
    assert found.low == pytest.approx(math.tanh(middle - half), abs=0.02)
    assert found.high == pytest.approx(math.tanh(middle + half), abs=0.02)


@pytest.mark.parametrize("x", [[1.0, 1, 1, 1], [1.0, 2, 3, 4]])
def test_where_a_figure_is_constant_no_correlation_is_defined(x):
    found = relation(encoders(x, [5.0] * 4))
    assert math.isnan(found.pearson.value)
    assert math.isnan(found.spearman.low)
    assert math.isnan(found.slope) == (len(set(x)) == 1)


def test_information_can_be_compared_instead():
    rows = list(published("pca"))
    found = relation(rows, figure="information")
    wanted = linregress([row.information for row in rows], [row.accuracy for row in rows])
    assert found.slope == pytest.approx(wanted.slope)


def test_intervals_come_from_the_seed_alone():
    rows = list(published("pca"))
    assert relation(rows) == relation(rows)
    assert relation(rows, seed=1).pearson != relation(rows).pearson


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(UsageError, match="2 encoder"):
        relation(encoders([1, 2], [1, 2]))
    with pytest.raises(UsageError, match="figures of e1 are no numbers"):
        relation(encoders([1, math.nan, 2], [1, 2, 3]))
    with pytest.raises(UsageError, match="stands twice"):
        relations([*published("pca"), *published("kmeans")])
