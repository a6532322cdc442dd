"""Files are there whole or not at all, wherever they lie."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from lab import servers
from openportability import bucket, files
from openportability.bucket import Bucket
from openportability.files import Files, Folder
from openportability.settings import BadSetting, Settings

#: One server for all of them.
pytestmark = pytest.mark.xdist_group("real")


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture(params=["folder", "memory", pytest.param("s3", marks=pytest.mark.real)])
def there(request: pytest.FixtureRequest, tmp_path: Path, scratch: Path) -> Files:
    match request.param:
        case "folder":
            (tmp_path / "shared").mkdir()
            return Folder(tmp_path / "shared")
        case "memory":
            return Bucket(MemoryStore(), scratch)
    server: servers.S3 = request.getfixturevalue("s3")
    return in_s3(server.url, scratch)


def in_s3(url: str, scratch: Path) -> Files:
    """Return a place that nobody else uses."""
    given = {
        "OPENPORTABILITY_DATA_DIR": str(scratch),
        "OPENPORTABILITY_FILES_URL": f"s3://kept/{secrets.token_hex(4)}",
        "OPENPORTABILITY_FILES_ENDPOINT": url,
    }
    return files.place(Settings.read(given))


def put(there: Files, name: str, content: bytes) -> None:
    with there.new(name) as file:
        file.write(content)


def read(there: Files, name: str) -> bytes:
    with there.open(name) as file:
        file.seek(0)
        return file.read()


def test_what_was_written_is_read(there: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "_PIECE", 5 * 1024 * 1024)
    large = secrets.token_bytes(11 * 1024 * 1024 + 3)
    put(there, "large", large)
    put(there, "empty", b"")
    assert read(there, "large") == large
    assert read(there, "empty") == b""
    assert sorted(there.names()) == ["empty", "large"]
    assert there.has("large")
    there.remove("large")
    assert not there.has("large")
    assert there.names() == ["empty"]
    there.remove("large")
    with pytest.raises(FileNotFoundError):
        there.open("large")


def test_what_is_not_written_to_its_end_is_not_there(there: Files, scratch: Path) -> None:
    def break_off() -> Iterator[None]:
        with there.new("half") as file:
            file.write(b"half of it")
            assert not there.has("half")
            yield

    with pytest.raises(KeyboardInterrupt):
        break_off_in(break_off())
    assert there.names() == []
    assert list(scratch.iterdir()) == []


def break_off_in(writing: Iterator[None]) -> None:
    next(writing)
    writing.throw(KeyboardInterrupt)  # type: ignore[attr-defined]


def test_what_is_open_is_read_though_it_is_removed(there: Files) -> None:
    put(there, "one", b"all of it")
    with there.open("one") as file:
        there.remove("one")
        assert file.read() == b"all of it"


def test_a_folder_that_is_not_mounted_is_away(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "nowhere")
    for use in (folder.names, lambda: folder.has("one"), lambda: put(folder, "one", b"")):
        with pytest.raises(FileNotFoundError):
            use()
    assert not (tmp_path / "nowhere").exists()


def test_a_bucket_that_is_away_or_refuses_is_an_error_of_the_system(
    s3: servers.S3, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = servers.free_ports(1)
    away = in_s3(f"http://127.0.0.1:{port}", scratch)
    for use in (away.names, lambda: away.has("one"), lambda: put(away, "one", b"1")):
        with pytest.raises(OSError, match="Error"):
            use()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-somebody-else")
    refusing = in_s3(s3.url, scratch)
    with pytest.raises(PermissionError) as refused:
        put(refusing, "one", b"1")
    assert "of-somebody-else" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "url", ["s3://", "s3://Kept/x", "https://kept.test", "file://host/x", "/srv", "s3://kept?a=b"]
)
def test_a_place_that_is_none_stops_the_start(url: str) -> None:
    with pytest.raises(BadSetting, match="OPENPORTABILITY_FILES_URL: "):
        Settings.read({"OPENPORTABILITY_FILES_URL": url})


def test_a_bucket_without_its_library_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openportability.settings.find_spec", lambda _name: None)
    with pytest.raises(BadSetting, match=r"install what locks/s3.lock lists"):
        Settings.read({"OPENPORTABILITY_FILES_URL": "s3://kept/site"})


def test_plain_http_to_a_bucket_elsewhere_is_refused() -> None:
    with pytest.raises(BadSetting, match="OPENPORTABILITY_FILES_ENDPOINT: "):
        Settings.read({"OPENPORTABILITY_FILES_ENDPOINT": "http://s3.example.org"})
