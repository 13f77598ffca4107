from seewhy.cli.main import run
from seewhy.cli.models import NAMES
from seewhy.models.embedded import EMBEDDED
from seewhy.models.names import FAMILIES, ModelName
from seewhy.models.ssl.folder import EMBEDDED_IMAGE_ENCODERS


def test_the_examples_are_names_of_every_family():
    assert {name.partition(":")[0] for name, _, _ in NAMES} == set(FAMILIES)
    assert sum(ModelName.parse(name).is_random for name, _, _ in NAMES) == 1


def test_examples_and_embedded_encoders_are_printed(capsys):
    assert run(["models"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name, _, _ in NAMES)
    assert all(f"embedded:{name}" in printed for name in (*EMBEDDED, *EMBEDDED_IMAGE_ENCODERS))
