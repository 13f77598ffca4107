import pytest
from tests.data.pictures import BLUE_PNG, RED_PNG, described, read_code

from seewhy.base.errors import UsageError
from seewhy.data.places import open_places


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "red.png").write_bytes(RED_PNG)
    (tmp_path / "blue.png").write_bytes(BLUE_PNG)
    (tmp_path / "one" / "notes.txt").write_text("no image")
    return tmp_path


def test_one_image_is_a_source_of_its_own(places):
    assert described(open_places(["blue.png"])) == [("blue.png", None, "blue")]


def test_a_folder_or_manifest_is_as_by_itself(places):
    assert described(open_places(["one"])) == [("red.png", None, "red")]
    (places / "list.csv").write_text("path,label\nblue.png,b\none/red.png,r\n")
    assert [(label, seen) for _, label, seen in described(open_places(["list.csv"]))] == [
        ("b", "blue"),
        ("r", "red"),
    ]


def test_several_places_keep_their_order_and_say_which_image_is_whose(places):
    source = open_places(["two", "blue.png", "one"])
    assert described(source) == [
        ("two/red.png", None, "red"),
        ("blue.png", None, "blue"),
        ("one/red.png", None, "red"),
    ]
    assert source.notes == ("1 file skipped that no image format uses (.csv, .txt, ...)",)


def test_a_file_that_is_no_image_fails_when_it_is_read(places):
    (places / "text.jpg").write_text("no image")
    (record,) = open_places(["text.jpg"]).records
    assert read_code(record) == "unidentified"


@pytest.mark.parametrize("named", [["one", "one"], ["one", "one/red.png"], ["blue.png"] * 2])
def test_an_image_that_comes_twice_is_refused(places, named):
    with pytest.raises(UsageError, match="comes twice"):
        open_places(named)


@pytest.mark.parametrize("named", ["nowhere", "nowhere.png"])
def test_a_wrong_path_is_refused(places, named):
    with pytest.raises(UsageError, match=r"does not exist\. Give an image, a folder"):
        open_places(["one", named])


def test_no_place_is_refused():
    with pytest.raises(UsageError, match="no images were named"):
        open_places([])


def test_an_empty_folder_is_refused(places):
    (places / "empty").mkdir()
    with pytest.raises(UsageError, match="no image"):
        open_places(["empty"])
