"""What the audit's tests share."""

import functools

import pytest

from seewhy.data import attributes, plants


@pytest.fixture(scope="module", autouse=True)
def _values_listed_once():
    """Every picture is checked against lists made of some 50 claims, each of them type-checked.

    Made anew per picture, these take five times as long as drawing it. They never change.
    """
    with pytest.MonkeyPatch.context() as patch:
        listed = functools.cache(attributes.attribute_values)
        for module in (attributes, plants):
            patch.setattr(module, "attribute_values", listed)
        yield
