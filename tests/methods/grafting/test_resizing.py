import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from
from torch.nn import functional
from torch.testing import assert_close

from seewhy.methods.grafting.resizing import adjoint_resize, adjoint_weights, resize_matrix

SIZES = integers(1, 20)


@settings(deadline=None)
@given(from_size=SIZES, to_size=SIZES, mode=sampled_from(["bilinear", "bicubic"]))
def test_rows_sum_to_one(from_size, to_size, mode):
    rows = resize_matrix(from_size, to_size, mode=mode).sum(dim=1)
    assert_close(rows, torch.ones_like(rows))


@settings(deadline=None)
@given(from_size=SIZES, to_size=SIZES, mode=sampled_from(["bilinear", "bicubic"]))
def test_the_matrix_of_each_axis_resizes_an_image(from_size, to_size, mode):
    generator = torch.Generator().manual_seed(from_size * 100 + to_size)
    image = torch.randn(1, 1, from_size, to_size, generator=generator)
    down, across = (
        resize_matrix(a, b, mode=mode).float() for a, b in ((from_size, to_size), (to_size, 9))
    )
    expected = functional.interpolate(image, size=(to_size, 9), mode=mode, align_corners=False)
    assert_close(down @ image[0, 0] @ across.T, expected[0, 0], atol=1e-5, rtol=0)


def test_doubling_takes_quarters_and_repeats_the_border():
    expected = [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
    assert resize_matrix(2, 4, mode="bilinear").tolist() == expected


@settings(deadline=None)
@given(rows=integers(1, 9), cols=integers(1, 9), more_rows=integers(0, 9), more_cols=integers(0, 9))
def test_reducing_is_the_adjoint_of_enlarging(rows, cols, more_rows, more_cols):
    generator = torch.Generator().manual_seed(rows + 10 * cols)
    size = (rows + more_rows, cols + more_cols)
    small = torch.randn(2, 3, rows, cols, generator=generator, dtype=torch.float64)
    large = torch.randn(2, 3, *size, generator=generator, dtype=torch.float64)
    enlarged = functional.interpolate(small, size=size, mode="bilinear", align_corners=False)
    out = torch.empty(2, rows, cols, 3, dtype=torch.float64)
    reduced = adjoint_resize(large.permute(0, 2, 3, 1), (rows, cols), out=out).permute(0, 3, 1, 2)
    assert (enlarged * large).sum() == pytest.approx((small * reduced).sum().item(), abs=1e-10)
    weights = adjoint_weights((rows, cols), size)
    assert_close((small * weights).sum(dim=(2, 3)), enlarged.sum(dim=(2, 3)))
