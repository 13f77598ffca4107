import torch
from PIL import Image

from seewhy.models.identity import model_digest
from seewhy.models.tiny import tiny_classifier, tiny_dual_encoder
from seewhy.passes.pairs import Networks, stacked


def test_each_network_gets_what_it_wants():
    networks = Networks(tiny_classifier(), tiny_dual_encoder())
    images = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue", "white")]
    first, second = stacked([networks.prepare(image) for image in images])
    assert torch.equal(first[1], networks.network.preprocess(images[1]))
    assert torch.equal(second[2], networks.encoder.preprocess(images[2]))
    digests = [model_digest(networks.network), model_digest(networks.encoder)]
    assert networks.digests() == digests
