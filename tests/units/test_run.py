import json

import pyarrow.parquet
import pytest
from tests.methods.unit_naming.planted import (
    NOISE,
    SILENT,
    WORDS,
    bank,
    colour_detectors,
    encoder,
    scenes,
)

from seewhy.base.errors import DataError, UsageError
from seewhy.data.sources import open_source
from seewhy.units.page import clearest
from seewhy.units.run import Asked, load_asked, name_units
from seewhy.units.settings import UnitSettings

SETTINGS = UnitSettings(model="detectors", site="site", shuffles=39, device="cpu")
NAMES = [*(f"a {colour} object" for colour in WORDS), None, None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("in")
    for number, image in enumerate(scenes()):
        image.save(place / f"{number:03}.png")
    (place / "broken.png").write_bytes(b"no image")
    return place


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def result(folder, output):
    asked = Asked(colour_detectors(), encoder(), bank())
    return name_units(asked, open_source(str(folder)), output, SETTINGS)


def test_the_tables_say_what_the_names_say(result, output):
    rows = pyarrow.parquet.read_table(output / "units.parquet").to_pylist()
    assert [row["name"] for row in rows] == NAMES == list(result.names.names)
    assert [row["unit"] for row in rows] == list(range(len(NAMES)))
    assert rows[0]["margin"] == pytest.approx(rows[0]["score_1"] - rows[0]["score_2"])
    assert rows[SILENT]["silent"]
    assert rows[SILENT]["score_1"] is rows[SILENT]["margin"] is rows[SILENT]["text_1"] is None
    assert rows[NOISE]["text_1"] is not None
    lines = (output / "units.csv").read_text().splitlines()
    assert len(lines) == 1 + len(NAMES)
    assert lines[1].startswith("0,a red object,")


def test_what_cannot_be_read_is_told(result, output):
    failures = pyarrow.parquet.read_table(output / "failures.parquet").to_pylist()
    assert [failure["id"] for failure in failures] == ["broken.png"]
    result.check(max_failures=0.01)
    with pytest.raises(DataError, match="1 of 121 images"):
        result.check(max_failures=0.001)


def test_the_document_counts(result, output):
    document = json.loads((output / "units.json").read_bytes())
    assert document["units"] == {"all": 8, "named": 6, "silent": 1}
    assert document["images"] == {"used": 120, "failed": 1}
    assert document["settings"] == SETTINGS.recorded()
    assert not (output / "parts").exists()


def test_the_page_shows_the_clearest_units_first(result, output):
    page = result.report.read_text()
    order = clearest(result.names)
    assert SILENT not in order
    assert order[-1] == NOISE
    places = [page.index(f"unit {unit} ·") for unit in order]
    assert places == sorted(places)
    assert page.count("data:image/png") == 6 * len(order)
    assert "no name" in page


def test_an_encoder_has_to_know_texts():
    model = "torchvision:resnet18/random-weights"
    settings = UnitSettings(model=model, encoder=model, site="layer1", device="cpu")
    with pytest.raises(UsageError, match="wanted a dual encoder"):
        load_asked(settings)


def test_the_bank_is_cut_to_what_the_encoder_reads():
    name = "embedded:clip-resnet"
    asked = load_asked(UnitSettings(model=name, encoder=name, bank="general", device="cpu"))
    assert asked.network is asked.encoder
    assert 2 <= len(asked.bank.bank) < 427
    assert any("unknown words" in note for note in asked.bank.bank.notes)
