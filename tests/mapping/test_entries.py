import pytest

from seewhy.mapping.entries import MapRow


def row(**changes):
    fields = {
        "image": "a.png", "text": "red", "method": "raw", "similarity": 0.25, "low": -1.0,
        "high": 1.0, "x": 3, "y": None, "positive": 0.5, "picture": "raw-red.png",
    }  # fmt: skip
    return MapRow(**fields | changes)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_rows_hold_numbers_that_json_knows(value):
    with pytest.raises(ValueError, match="finite"):
        row(low=value)
