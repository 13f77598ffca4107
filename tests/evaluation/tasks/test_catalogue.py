from pathlib import Path
from typing import get_args

import pytest
from tests.data.segmentation.trees import write_image, write_text
from tests.evaluation.tasks.trees import quarters, write_labelled, write_voc

from seewhy.base.errors import UsageError
from seewhy.data.segmentation.records import ClassMasks, LabelMap, Tags
from seewhy.evaluation.tasks.catalogue import DATASETS, Choice, known_dataset
from seewhy.evaluation.tasks.settings import TASKS, DatasetName


def test_every_name_is_a_data_set_and_every_task_has_one():
    assert tuple(DATASETS) == get_args(DatasetName)
    served = {task for known in DATASETS.values() for task in known.opens}
    assert served == set(TASKS)


@pytest.mark.parametrize("name", ["scenes", "digit-collages"])
def test_drawn_data_need_no_folder_and_have_several_words(name):
    known = known_dataset(name)
    for words in known.words:
        source = known.open("maps", Choice(words=words, limit=2, seed=1))
        assert len(source.records) == 2
        assert isinstance(source.records[0].read_truth(), ClassMasks)
    usual = known.open("maps", Choice(limit=2))
    assert (
        usual.class_names == known.open("maps", Choice(words=known.words[0], limit=2)).class_names
    )


def test_background_is_beside_things_in_maps_and_no_class_of_segmentation(tmp_path):
    write_voc(tmp_path, {"one": quarters((0, 7, 12, 255))})
    known = known_dataset("voc")
    shown, told = (
        known.open(task, Choice(tmp_path)).records[0] for task in ("maps", "segmentation")
    )
    assert [shown.class_names[label] for label in shown.read_truth().present] == ["car", "dog"]
    assert [told.class_names[label] for label in told.read_truth().present] == ["car", "dog"]
    assert shown.read_truth().counted.sum() == 3 * 256
    assert told.read_truth().counted.sum() == 2 * 256


def test_masks_of_camouflaged_objects(tmp_path):
    home = tmp_path / "TestDataset" / "CAMO"
    write_labelled(home / "Imgs" / "a.jpg", home / "GT" / "a.png", quarters((0, 255, 0, 0)))
    source = known_dataset("camo").open("camouflage", Choice(tmp_path))
    assert isinstance(source.records[0].read_truth(), LabelMap)


def test_classes_of_imagenet_s_are_words(tmp_path):
    ids = [f"n0{number:07d}" for number in range(49)] + ["n01443537"]
    for wordnet in ids:
        folder = tmp_path / "ImageNetS50"
        write_image(folder / "validation" / wordnet / "a.JPEG")
        write_image(folder / "validation-segmentation" / wordnet / "a.png")
    source = known_dataset("imagenet-s50").open("maps", Choice(tmp_path))
    assert source.class_names[sorted(ids).index("n01443537") + 1] == "goldfish"
    assert len(source.class_names) == 51


def test_tags_of_nus_wide(tmp_path):
    write_image(tmp_path / "Flickr" / "a" / "b.jpg")
    write_text(tmp_path / "ImageList" / "TestImagelist.txt", "a\\b.jpg\n")
    write_text(tmp_path / "ConceptsList" / "Concepts81.txt", "sky\n")
    write_text(tmp_path / "Groundtruth" / "TrainTestLabels" / "Labels_sky_Test.txt", "1\n")
    source = known_dataset("nus-wide").open("tagging", Choice(tmp_path))
    assert source.records[0].read_truth() == Tags((0,))


@pytest.mark.parametrize("name", [name for name, known in DATASETS.items() if not known.is_drawn])
def test_an_empty_folder_is_refused_with_what_it_lacks(tmp_path, name):
    known = known_dataset(name)
    for task in known.opens:
        with pytest.raises(UsageError, match="has no folder"):
            known.open(task, Choice(tmp_path))
        with pytest.raises(UsageError, match="--root"):
            known.open(task, Choice())


def test_unknown_names_and_wrong_tasks_are_told_the_right_ones():
    with pytest.raises(UsageError, match=r"Nearest: .*cityscapes"):
        known_dataset("cityscape")
    with pytest.raises(UsageError, match=r"but for camouflage\. For tagging there are scenes"):
        known_dataset("nc4k").open("tagging", Choice(Path()))
