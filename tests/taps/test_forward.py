import torch

from seewhy.models.guard import fingerprint
from seewhy.models.tiny import tiny_classifier, tiny_dual_encoder
from seewhy.taps.capture import capture
from seewhy.taps.forward import forward


def test_both_kinds_run_as_they_are():
    for model, name in ((tiny_classifier(), "conv1"), (tiny_dual_encoder(), "visual.conv1")):
        pixels = torch.rand(2, 3, 32, 32)
        before = fingerprint(model.module)
        with capture(model.module, [name]) as seen:
            forward(model, pixels)
        assert len(seen[name]) == 2
        assert fingerprint(model.module) == before
