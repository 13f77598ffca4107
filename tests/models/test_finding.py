import pytest
import timm
import torchvision

from seewhy.base.errors import UsageError
from seewhy.models.classifiers import Classifier
from seewhy.models.finding import find_site, known_sites
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.sites import Site
from seewhy.models.tiny import tiny_classifier, tiny_dual_encoder


def test_what_a_model_offers_is_found_as_it_is():
    for model in (tiny_classifier(), tiny_dual_encoder("vit"), tiny_dual_encoder("resnet")):
        for site in known_sites(model):
            assert find_site(model, site.name) == site


def test_other_submodules_are_found_and_tokens_lie_as_the_towers():
    assert find_site(tiny_classifier(), "layer1") == Site("layer1")
    name = "visual.transformer.resblocks.4"
    assert find_site(tiny_dual_encoder("vit"), name) == Site(name, "tokens", 1, (4, 4))


def test_transformers_that_classify_have_tokens():
    small = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}
    theirs = timm.create_model("vit_tiny_patch16_224", **small, num_classes=3)
    other = torchvision.models.VisionTransformer(32, 16, 1, 2, 16, 16, num_classes=3)
    for module, name, grid in ((theirs, "blocks.0", (4, 4)), (other, "encoder", (2, 2))):
        model = Classifier(module, preprocess=Preprocessing(32))
        assert find_site(model, name) == Site(name, "tokens", 1, grid)


def test_an_unknown_name_lists_the_nearest():
    with pytest.raises(UsageError, match=r"no site 'layer9'\. Nearest: layer"):
        find_site(tiny_classifier(), "layer9")
