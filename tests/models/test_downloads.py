"""Published weights: caches first, the network only when allowed, nothing half-written kept."""

import hashlib
import io

import huggingface_hub
import pytest
from huggingface_hub.errors import EntryNotFoundError

from seewhy.base.errors import UsageError
from seewhy.models import downloads
from seewhy.models.downloads import Published, hash_prefix, weights_file

CONTENT = b"weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def published(tmp_path):
    return Published(
        name="torchvision:resnet18/DEFAULT",
        url=f"https://example.org/resnet18-{DIGEST[:8]}.pth",
        folder=tmp_path / "cache",
    )


@pytest.fixture
def served(monkeypatch):
    """What the network gives, and the addresses that were asked for."""
    asked = []

    def urlopen(url, *, timeout):
        asked.append((url, timeout))
        return io.BytesIO(served.content)

    def served():
        return asked

    served.content = CONTENT
    monkeypatch.setattr(downloads.urllib.request, "urlopen", urlopen)
    return served


def test_without_permission_the_network_is_not_touched(published, served):
    with pytest.raises(UsageError, match="allow_download=True") as error:
        weights_file(published, allow_download=False)
    assert served() == []
    assert published.url in str(error.value)
    assert "torchvision:resnet18@PATH" in str(error.value)
    assert "torchvision:resnet18/random-weights" in str(error.value)


def test_a_download_is_kept_and_not_repeated(published, served):
    path = weights_file(published, allow_download=True)
    assert path.read_bytes() == CONTENT
    assert weights_file(published, allow_download=True) == path
    assert weights_file(published, allow_download=False) == path
    assert len(served()) == 1
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_download_with_another_hash_is_thrown_away(published, served):
    served.content = b"something else"
    with pytest.raises(UsageError, match="another hash"):
        weights_file(published, allow_download=True)
    assert list(published.folder.iterdir()) == []


def test_half_a_file_in_the_cache_is_not_used(published, served):
    published.folder.mkdir()
    published.target.write_bytes(CONTENT[:100])
    with pytest.raises(UsageError, match="not on this machine"):
        weights_file(published, allow_download=False)
    assert weights_file(published, allow_download=True).read_bytes() == CONTENT


def test_a_broken_connection_is_explained(published, monkeypatch):
    def refuse(*_, **__):
        raise TimeoutError("timed out")

    monkeypatch.setattr(downloads.urllib.request, "urlopen", refuse)
    with pytest.raises(UsageError, match="TimeoutError: timed out"):
        weights_file(published, allow_download=True)
    assert list(published.folder.iterdir()) == []


def test_only_encrypted_addresses_are_asked(tmp_path, served):
    plain = Published(name="timm:x", url="http://example.org/w.pth", folder=tmp_path)
    with pytest.raises(UsageError, match="could not be fetched"):
        weights_file(plain, allow_download=True)
    assert served() == []


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub that holds one file, of which nothing is cached at first."""
    cached, asked = {}, []

    def download(repository, file):
        asked.append(file)
        if file != "b.bin":
            raise EntryNotFoundError(file)
        cached[repository, file] = str(tmp_path / file)
        return cached[repository, file]

    monkeypatch.setattr(
        huggingface_hub, "try_to_load_from_cache", lambda *key: cached.get(key), raising=True
    )
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download, raising=True)
    return asked


def test_the_files_of_a_repository_are_tried_in_order_and_cached(hub, tmp_path):
    published = Published(name="timm:x", repository="timm/x", files=("a.safetensors", "b.bin"))
    assert weights_file(published, allow_download=True) == tmp_path / "b.bin"
    assert hub == ["a.safetensors", "b.bin"]
    assert weights_file(published, allow_download=False) == tmp_path / "b.bin"
    assert hub == ["a.safetensors", "b.bin"]


def test_the_address_stands_in_for_a_repository_without_the_file(hub, served, tmp_path):
    published = Published(
        name="timm:x",
        repository="timm/x",
        files=("a.safetensors",),
        url="https://example.org/w.pth",
        folder=tmp_path,
    )
    assert weights_file(published, allow_download=True) == tmp_path / "w.pth"


def test_a_model_that_nobody_publishes_says_so():
    with pytest.raises(UsageError, match="its publisher"):
        weights_file(Published(name="timm:x"), allow_download=False)


def test_hashes_are_read_from_folders_and_names():
    digest = "a" * 64
    assert hash_prefix(f"https://x.org/clip/{digest}/RN50.pt") == digest
    assert hash_prefix("https://x.org/rn50-quickgelu-cc12m-f000538c.pt") == "f000538c"
    assert hash_prefix("https://x.org/resnet50.pth") == ""
