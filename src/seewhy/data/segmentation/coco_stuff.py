"""COCO Stuff 164k: a label map of 171 things and stuffs for every image."""

from pathlib import Path

from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.segmentation.labels import LabelFile
from seewhy.data.segmentation.layout import files_in, needed_folder
from seewhy.data.segmentation.records import IGNORED, LabelledSource, LabelMap, Place, list_places

COCO_STUFF_NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich",
    "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote",
    "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book",
    "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush", "banner", "blanket",
    "branch", "bridge", "building", "bush", "cabinet", "cage", "cardboard", "carpet", "ceiling",
    "tile ceiling", "cloth", "clothes", "clouds", "counter", "cupboard", "curtain", "desk",
    "dirt", "door", "fence", "marble floor", "floor", "stone floor", "tile floor", "wood floor",
    "flower", "fog", "food", "fruit", "furniture", "grass", "gravel", "ground", "hill", "house",
    "leaves", "light", "mat", "metal", "mirror", "moss", "mountain", "mud", "napkin", "net",
    "paper", "pavement", "pillow", "plant", "plastic", "platform", "playing field", "railing",
    "railroad", "river", "road", "rock", "roof", "rug", "salad", "sand", "sea", "shelf", "sky",
    "skyscraper", "snow", "solid", "stairs", "stone", "straw", "structure", "table", "tent",
    "textile", "towel", "tree", "vegetable", "brick wall", "concrete wall", "wall", "panel wall",
    "stone wall", "tile wall", "wood wall", "water", "water drops", "window blind", "window",
    "wood",
)  # fmt: skip
"""Names like "wall-brick" and "wall-other" are spelt as one would say them."""

_UNUSED = frozenset({11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90})
_USED = [stored for stored in range(182) if stored not in _UNUSED]
_IDS = {**{stored: label for label, stored in enumerate(_USED)}, 255: IGNORED}
_TRAIN_IDS = {**{label: label for label in range(len(COCO_STUFF_NAMES))}, 255: IGNORED}


def open_coco_stuff(
    root: Path, *, split: str = "val2017", policy: ReadPolicy = DEFAULT_POLICY
) -> LabelledSource[LabelMap]:
    """COCO Stuff below `root`/images and `root`/annotations.

    Of an image's two label maps, labelTrainIds is taken where it is there, else the raw one.
    """
    images = needed_folder(root, f"images/{split}")
    truths = needed_folder(root, f"annotations/{split}")
    places = [_place(path, truths, policy) for path in files_in(images, (".jpg",))]
    name = f"COCO Stuff {split}"
    return list_places(name, places, class_names=COCO_STUFF_NAMES, policy=policy)


def _place(image: Path, truths: Path, policy: ReadPolicy) -> Place[LabelMap]:
    truth, meanings = truths / f"{image.stem}_labelTrainIds.png", _TRAIN_IDS
    if not truth.exists():
        truth, meanings = truths / f"{image.stem}.png", _IDS
    return Place(image.stem, image, LabelFile(truth, {"index": meanings}, policy), truth)
