"""Any module as a classifier: its contract, its sites, and that it is left alone."""

import inspect

import pytest
import torch
from PIL import Image
from torch import nn

from seewhy.base.errors import DataError, UsageError
from seewhy.models.classifiers import Classifier
from seewhy.models.guard import fingerprint
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.protocols import ClassifierLike
from seewhy.models.sites import Site

PREPROCESS = Preprocessing(8)


class Net(nn.Module):
    """A convolution, an in-place ReLU, dropout, and whatever is made of the scores."""

    def __init__(self, then=lambda scores: scores):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout()
        self.head = nn.Linear(4, 2)
        self.then = then

    def forward(self, x):
        return self.then(self.head(self.dropout(self.relu(self.conv(x)).mean(dim=(2, 3)))))


def classifier(module=None, **options):
    torch.manual_seed(0)
    options = {"preprocess": PREPROCESS, "classes": ["cat", "dog"]} | options
    return Classifier(Net() if module is None else module, **options)


def images(count=3):
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def test_it_is_a_classifier_with_a_name_of_its_own():
    assert isinstance(classifier(), ClassifierLike)
    assert classifier().name == "Net"
    assert classifier(name="mine").name == "mine"
    assert classifier(notes=["untrained"]).notes == ("untrained",)


def test_scores_are_those_of_the_module_in_evaluation_mode():
    model = classifier()
    found = model.logits(images())
    with torch.no_grad():
        assert torch.equal(found, model.module.eval()(images()))
    assert not found.requires_grad
    assert not found.is_inference()


@pytest.mark.parametrize("size", [1, 2, 5])
def test_scores_do_not_depend_on_the_batch(size):
    model = classifier()
    parts = [model.logits(part) for part in images(10).split(size)]
    torch.testing.assert_close(torch.cat(parts), model.logits(images(10)), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("call", ["logits", "sites"])
def test_the_module_is_left_as_it_was(call):
    model = classifier()
    model.module.head.requires_grad_(False)
    model.module(images()).sum().backward()
    pixels = images()
    before, pixels_before = fingerprint(model.module), pixels.clone()
    model.logits(pixels) if call == "logits" else model.sites()
    assert fingerprint(model.module) == before
    assert torch.equal(pixels, pixels_before)


def test_the_module_is_left_as_it_was_after_an_error():
    def fail(_):
        raise ZeroDivisionError("by me")

    model = classifier(Net(fail))
    before = fingerprint(model.module)
    for call in (lambda: model.logits(images()), model.sites):
        with pytest.raises(UsageError, match=r"failed on .* \(ZeroDivisionError: by me\)"):
            call()
    assert fingerprint(model.module) == before


@pytest.mark.parametrize(
    ("then", "message"),
    [
        (lambda x: {"logits": x}, "gave dict, not a tensor"),
        (lambda x: (x, x), "gave tuple, not a tensor"),
        (lambda x: x[:1], r"shape \(1, 2\) for 3 images"),
        (lambda x: x[:, 0], r"shape \(3,\) for 3 images"),
        (lambda x: x[:, :1], "at least two classes"),
        (lambda x: torch.cat([x, x], 1), "4 scores per image for 2 class names"),
    ],
)
def test_what_breaks_the_contract_is_refused(then, message):
    with pytest.raises(UsageError, match=message):
        classifier(Net(then)).logits(images())


def test_deliberate_errors_and_lack_of_memory_pass_through():
    def data(_):
        raise DataError("odd", "row")

    def memory(_):
        raise torch.OutOfMemoryError("no memory")

    with pytest.raises(DataError):
        classifier(Net(data)).logits(images())
    with pytest.raises(torch.OutOfMemoryError):
        classifier(Net(memory)).logits(images())


def test_rows_that_are_not_finite_are_left_to_the_caller():
    pixels = images()
    pixels[1] = float("nan")
    finite = classifier().logits(pixels).isfinite().all(dim=1)
    assert finite.tolist() == [True, False, True]


def test_a_half_precision_module_gets_and_gives_what_it_needs():
    model = classifier(Net().to(torch.bfloat16))
    assert model.logits(images()).dtype == torch.float32
    parameterless = classifier(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), classes=None)
    assert parameterless.classes == ("class 0", "class 1", "class 2")


def test_classes_are_counted_when_they_have_no_names():
    assert classifier(classes=None).classes == ("class 0", "class 1")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], "wanted two or more"),
        (["cat"], "wanted two or more"),
        (["cat", "cat"], "cat more than once"),
        (["cat", ""], "wanted a list of names"),
        ("cat", "wanted a list of names"),
    ],
)
def test_class_names_are_two_or_more_different_ones(classes, message):
    with pytest.raises(UsageError, match=message):
        classifier(classes=classes)


@pytest.mark.parametrize(
    ("preprocess", "message"),
    [
        (lambda image: image, "gave Image; wanted a float tensor"),
        (lambda _: torch.ones(3, 8, 8, dtype=torch.uint8), "gave torch.uint8"),
        (lambda _: torch.ones(1, 3, 8, 8), "without a batch axis"),
        (lambda _: torch.ones(1, 8, 8), r"shape \(1, 8, 8\)"),
    ],
)
def test_what_the_preprocessing_gives_is_checked(preprocess, message):
    with pytest.raises(UsageError, match=message):
        classifier(preprocess=preprocess).preprocess(Image.new("RGB", (8, 8)))


def test_any_function_may_preprocess():
    model = classifier(preprocess=lambda image: torch.full((3, 8, 8), image.width / 1.0))
    assert model.preprocess(Image.new("RGB", (5, 8))).mean() == 5


def test_what_cannot_preprocess_is_refused_where_types_are_not_checked():
    unchecked = inspect.unwrap(Classifier.__init__)
    with pytest.raises(UsageError, match="preprocess is int; wanted a function"):
        unchecked(object.__new__(Classifier), Net(), preprocess=3)


def test_parameters_without_data_are_refused():
    with pytest.raises(UsageError, match="Load its weights"):
        classifier(Net().to("meta"))


class Branches(nn.Module):
    """Convolutions defined in another order than they run; one runs twice, one never."""

    def __init__(self):
        super().__init__()
        self.last = nn.Conv2d(4, 4, 1)
        self.never = nn.Conv2d(4, 4, 1)
        self.twice = nn.Conv2d(4, 4, 1)
        self.gate = nn.Conv2d(4, 4, 1)
        self.first = nn.Conv2d(3, 4, 3)
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        x = self.twice(self.twice(self.first(x)))
        x = x * self.gate(x.mean(dim=(2, 3), keepdim=True))
        return self.head(self.last(x).mean(dim=(2, 3), keepdim=True)).flatten(1)


def test_sites_are_the_convolutions_in_the_order_in_which_they_run():
    assert classifier(Branches()).sites() == (Site("first"), Site("last"), Site("head"))


def test_sites_are_found_once():
    model = classifier()
    assert model.sites() is model.sites()


def test_a_network_without_convolutions_has_no_sites():
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2))
    with pytest.raises(UsageError, match="no convolution that gives maps"):
        classifier(module).sites()
