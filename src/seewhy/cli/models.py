"""`seewhy models`: how models are named."""

from seewhy.cli.console import show, show_table

NAMES = (
    ("embedded:clip-resnet", "encoder", "ships with seewhy"),
    ("open_clip:RN50/openai", "encoder", "published, by open_clip"),
    ("open_clip:ViT-B-16@clip.safetensors", "encoder", "yours, in its architecture"),
    ("open_clip-dir:FOLDER", "encoder", "yours, with its configuration"),
    ("timm:resnet50.a1_in1k", "classifier", "published, by timm"),
    ("timm:resnet50@weights.safetensors", "classifier", "yours, in its architecture"),
    ("torchvision:resnet50/IMAGENET1K_V2", "classifier", "published, by torchvision"),
    ("torchvision:resnet50@weights.pth", "classifier", "yours, in its architecture"),
    ("classifier-dir:FOLDER", "classifier", "yours, as seewhy saved it"),
    ("file:weights.pt?arch=timm:resnet50", "classifier", "yours, said the other way"),
    ("timm:resnet50/random-weights", "either", "untrained, as asked for"),
    ("ssl:simclr_v2@r50_1x_sk0.pth", "images alone", "yours, self-supervised"),
    ("ssl-dir:FOLDER", "images alone", "yours, as `seewhy train ssl` made it"),
)


def models() -> None:
    """Say how models are named, and list the encoders that ship with seewhy.

    Nothing is downloaded. Published weights are fetched with --allow-download only.
    """
    from seewhy.models.embedded import EMBEDDED
    from seewhy.models.ssl.folder import EMBEDDED_IMAGE_ENCODERS

    show_table(NAMES, header=("name, for example", "kind", "weights"))
    show("")
    shipped = (*EMBEDDED, *EMBEDDED_IMAGE_ENCODERS)
    show("ships with seewhy: " + ", ".join(f"embedded:{name}" for name in shipped))
