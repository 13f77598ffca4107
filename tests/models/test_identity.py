import torch
from torch import nn

from seewhy.models.classifiers import Classifier
from seewhy.models.identity import facts_digest, model_digest
from seewhy.models.preprocessing import Preprocessing


def classifier(*, bias=0.0, size=8, activation=nn.ReLU, name=""):
    layers = [nn.Conv2d(3, 2, 1), activation(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    module = nn.Sequential(*layers)
    with torch.no_grad():
        module[0].weight.fill_(1)
        module[0].bias.fill_(bias)
    return Classifier(module, preprocess=Preprocessing(size), name=name)


def test_what_decides_the_numbers_decides_the_digest():
    own = model_digest(classifier())
    assert model_digest(classifier(name="another name")) == own
    others = (classifier(bias=1e-7), classifier(size=9), classifier(activation=nn.Sigmoid))
    digests = {own, *map(model_digest, others)}
    assert len(digests) == 4


def test_facts_count_by_name_and_value_and_not_by_order():
    assert facts_digest(a=1, b=[2]) == facts_digest(b=[2], a=1)
    assert facts_digest(a=1) != facts_digest(a=2)
    assert facts_digest(a=1) != facts_digest(b=1)
