"""ADE20K with the 150 classes of its scene parsing challenge."""

from pathlib import Path

from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.segmentation.labels import LabelFile
from seewhy.data.segmentation.layout import files_in, needed_folder
from seewhy.data.segmentation.records import IGNORED, LabelledSource, LabelMap, Place, list_places

ADE_NAMES = (
    "wall", "building", "sky", "floor", "tree", "ceiling", "road", "bed", "windowpane", "grass",
    "cabinet", "sidewalk", "person", "earth", "door", "table", "mountain", "plant", "curtain",
    "chair", "car", "water", "painting", "sofa", "shelf", "house", "sea", "mirror", "rug",
    "field", "armchair", "seat", "fence", "desk", "rock", "wardrobe", "lamp", "bathtub",
    "railing", "cushion", "base", "box", "column", "signboard", "chest of drawers", "counter",
    "sand", "sink", "skyscraper", "fireplace", "refrigerator", "grandstand", "path", "stairs",
    "runway", "case", "pool table", "pillow", "screen door", "stairway", "river", "bridge",
    "bookcase", "blind", "coffee table", "toilet", "flower", "book", "hill", "bench",
    "countertop", "stove", "palm", "kitchen island", "computer", "swivel chair", "boat", "bar",
    "arcade machine", "hovel", "bus", "towel", "light", "truck", "tower", "chandelier", "awning",
    "streetlight", "booth", "television receiver", "airplane", "dirt track", "apparel", "pole",
    "land", "bannister", "escalator", "ottoman", "bottle", "buffet", "poster", "stage", "van",
    "ship", "fountain", "conveyer belt", "canopy", "washer", "plaything", "swimming pool",
    "stool", "barrel", "basket", "waterfall", "tent", "bag", "minibike", "cradle", "oven", "ball",
    "food", "step", "tank", "trade name", "microwave", "pot", "animal", "bicycle", "lake",
    "dishwasher", "screen", "blanket", "sculpture", "hood", "sconce", "vase", "traffic light",
    "tray", "ashcan", "fan", "pier", "crt screen", "plate", "monitor", "bulletin board", "shower",
    "radiator", "glass", "clock", "flag",
)  # fmt: skip

_MEANINGS = {0: IGNORED, **{label + 1: label for label in range(len(ADE_NAMES))}}


def open_ade(
    root: Path, *, split: str = "validation", policy: ReadPolicy = DEFAULT_POLICY
) -> LabelledSource[LabelMap]:
    """ADE20K below `root`/ADEChallengeData2016; what is of no class is ignored."""
    images = needed_folder(root, f"ADEChallengeData2016/images/{split}")
    truths = needed_folder(root, f"ADEChallengeData2016/annotations/{split}")
    places = []
    for path in files_in(images, (".jpg",)):
        truth = truths / f"{path.stem}.png"
        places.append(Place(path.stem, path, LabelFile(truth, {"index": _MEANINGS}, policy), truth))
    return list_places(f"ADE20K {split}", places, class_names=ADE_NAMES, policy=policy)
