"""Each setting is read once, checked, and refused in one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openportability.keyfile import master_key
from openportability.settings import PREFIX, BadSetting, Settings

ROOT = Path(__file__).parent.parent


def read(**given: str | Path) -> Settings:
    return Settings.read({PREFIX + name: str(value) for name, value in given.items()})


def refused(**given: str | Path) -> str:
    with pytest.raises(BadSetting) as error:
        read(**given)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_nothing_needs_to_be_set() -> None:
    settings = read()
    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.data_dir == Path.cwd() / "var"
    assert settings.database_url == f"sqlite:///{Path.cwd()}/var/openportability.db"
    assert settings.networks == (("x", "x"), ("mastodon", "mastodon"), ("bluesky", "bluesky"))
    assert (settings.web_threads, settings.worker_threads) == (16, 64)
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.extra_ca_file is None
    assert not settings.production
    assert not settings.allow_loopback


def test_only_what_is_given_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, f"{PREFIX}WEB_THREADS", "3")
    assert read().web_threads == 16


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read().web_threads = 3


def test_secrets_are_not_shown() -> None:
    shown = repr(read(MASTER_KEY="s3cret", DATABASE_URL="postgresql://u:s3cret@host/name"))
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("given", "url", "production"),
    [
        ("https://Example.org/", "https://example.org", True),
        ("https://example.org:443", "https://example.org", True),
        ("https://example.org:8443/", "https://example.org:8443", True),
        ("HTTP://LOCALHOST:8000", "http://localhost:8000", False),
        ("http://127.0.0.1:80/", "http://127.0.0.1", False),
        ("http://[::1]:8000", "http://[::1]:8000", False),
    ],
)
def test_the_base_url_has_one_spelling(given: str, url: str, production: bool) -> None:
    settings = read(BASE_URL=given)
    assert (settings.base_url, settings.production) == (url, production)


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org", "http://192.168.1.5:8000", "example.org", "ftp://example.org"),
        *(
            "https://",
            "https://example.org/path",
            "https://example.org?a=1",
            "https://u@example.org",
        ),
        *("https://example.org:port", "https://example.org/#a", "https://[::1", "http://127.0.0.2"),
    ],
)
def test_a_base_url_that_cannot_work_is_refused(url: str) -> None:
    assert refused(BASE_URL=url).startswith("OPENPORTABILITY_BASE_URL: ")


@pytest.mark.parametrize(
    ("given", "host", "port"),
    [
        ({"BASE_URL": "http://localhost:9000"}, "127.0.0.1", 9000),
        ({"BASE_URL": "http://localhost"}, "127.0.0.1", 80),
        ({"BASE_URL": "http://[::1]:9000"}, "::1", 9000),
        ({"BASE_URL": "https://example.org"}, "127.0.0.1", 8000),
        ({"BIND": "0.0.0.0:80"}, "0.0.0.0", 80),
        ({"BIND": "[::]:9000", "BASE_URL": "https://example.org"}, "::", 9000),
    ],
)
def test_where_to_listen_follows_from_the_base_url_unless_given(
    given: dict[str, str], host: str, port: int
) -> None:
    settings = read(**given)
    assert (settings.host, settings.port) == (host, port)


@pytest.mark.parametrize("bind", ["8000", "0.0.0.0", "http://0.0.0.0:80", "0.0.0.0:80/x", ":80"])
def test_a_place_to_listen_that_is_none_is_refused(bind: str) -> None:
    assert refused(BIND=bind).startswith("OPENPORTABILITY_BIND: give host and port")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("sqlite:////srv/op.db", "sqlite:////srv/op.db"),
        ("postgres://u:p@host/name", "postgresql+psycopg://u:p@host/name"),
        ("postgresql://host/name", "postgresql+psycopg://host/name"),
        ("postgresql+psycopg://host/name?a=1", "postgresql+psycopg://host/name?a=1"),
    ],
)
def test_the_database_is_reached_by_our_driver(given: str, url: str) -> None:
    assert read(DATABASE_URL=given).database_url == url


@pytest.mark.parametrize(
    "url", ["mysql://host/name", "sqlite://", "sqlite:///", "sqlite:///:memory:", "op.db"]
)
def test_another_database_is_refused(url: str) -> None:
    assert refused(DATABASE_URL=url).startswith("OPENPORTABILITY_DATABASE_URL: use sqlite:////")


def test_a_network_is_a_folder_or_a_name_for_one() -> None:
    assert read(NETWORKS="x, bird:fake ,herd:fake").networks == (
        ("x", "x"),
        ("bird", "fake"),
        ("herd", "fake"),
    )


@pytest.mark.parametrize("networks", [",", "x,x", "x:a,x:b", "../x", "x:../y", "X", "1x", ":x"])
def test_networks_that_cannot_be_loaded_are_refused(networks: str) -> None:
    assert refused(NETWORKS=networks).startswith("OPENPORTABILITY_NETWORKS: ")


@pytest.mark.parametrize("threads", ["0", "-1", "many", "1.5", "100000"])
def test_a_number_of_threads_is_a_sensible_number(threads: str) -> None:
    text = refused(WORKER_THREADS=threads)
    assert text.startswith("OPENPORTABILITY_WORKER_THREADS: Input should be")


def test_connections_follow_from_the_threads_unless_given() -> None:
    settings = read(WEB_THREADS="10", WORKER_THREADS="9")
    assert settings.connections(web=True, worker=True) == 12
    assert settings.connections(web=True, worker=False) == 10
    assert settings.connections(web=False, worker=True) == 2
    assert settings.connections(web=False, worker=False) == 1
    assert read(POOL_SIZE="5").connections(web=True, worker=True) == 5


def test_loopback_is_for_development_only() -> None:
    assert read(ALLOW_LOOPBACK="yes").allow_loopback
    text = refused(ALLOW_LOOPBACK="1", BASE_URL="https://example.org")
    assert text.startswith("OPENPORTABILITY_ALLOW_LOOPBACK is for development")


def test_a_file_of_certificates_must_exist(tmp_path: Path) -> None:
    there = tmp_path / "ca.pem"
    assert "no such file" in refused(EXTRA_CA_FILE=there)
    there.touch()
    assert read(EXTRA_CA_FILE=there).extra_ca_file == there


def test_any_setting_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(" https://example.org \n")
    assert read(BASE_URL_FILE=file).base_url == "https://example.org"
    both = refused(BASE_URL_FILE=file, BASE_URL="https://example.org")
    assert both.endswith("are both set: remove one")
    assert "cannot be read" in refused(BASE_URL_FILE=tmp_path / "absent")
    file.write_bytes(b"\xff")
    assert "cannot be read" in refused(BASE_URL_FILE=file)


def test_an_empty_setting_is_not_given() -> None:
    assert read(BASE_URL="", WEB_THREADS=" ", DATABASE_URL="").web_threads == 16


def test_a_network_reads_its_own_settings(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("word\n")
    settings = read(X_CLIENT_ID="abc", X_CLIENT_SECRET_FILE=file)
    assert settings.network_option("x", "client_id") == "abc"
    assert settings.network_option("x", "client_secret") == "word"
    assert settings.network_option("x", "api_url", "https://api.x.com") == "https://api.x.com"


@pytest.mark.parametrize(("given", "read_as"), [("", "usual"), (" ", "usual"), ("none", "")])
def test_none_switches_off_what_is_usual(given: str, read_as: str) -> None:
    assert read(BLUESKY_VIEW_URL=given).network_option("bluesky", "view_url", "usual") == read_as


# --- the key ----------------------------------------------------------------------------------


def test_a_given_key_is_used_and_nothing_is_written(tmp_path: Path) -> None:
    settings = read(DATA_DIR=tmp_path, MASTER_KEY="the ring")
    assert master_key(settings, lambda: "another") == "the ring"
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_made_once_for_our_eyes_only(tmp_path: Path) -> None:
    settings = read(DATA_DIR=tmp_path / "new")
    assert master_key(settings, lambda: "first\n") == "first"
    assert master_key(settings, lambda: "second\n") == "first"
    [file] = (tmp_path / "new").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_whoever_makes_the_key_first_wins(tmp_path: Path) -> None:
    settings = read(DATA_DIR=tmp_path)

    def make_late() -> str:
        assert master_key(settings, lambda: "theirs") == "theirs"
        return "ours"

    assert master_key(settings, make_late) == "theirs"
    assert [file.name for file in tmp_path.iterdir()] == ["master.key"]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    settings = read(DATA_DIR=tmp_path)
    master_key(settings, lambda: "ring")
    (tmp_path / "master.key").chmod(0o640)
    with pytest.raises(BadSetting, match="chmod 600"):
        master_key(settings, lambda: "ring")


def test_a_public_site_keeps_no_key_beside_its_database(tmp_path: Path) -> None:
    public = {"BASE_URL": "https://example.org", "DATA_DIR": str(tmp_path)}
    with pytest.raises(BadSetting, match="beside the database"):
        master_key(read(**public), lambda: "ring")
    assert list(tmp_path.iterdir()) == []
    for apart in (
        {"KEY_BESIDE_DATABASE": "yes"},
        {"DATABASE_URL": "postgresql://host/name"},
        {"DATABASE_URL": f"sqlite:///{tmp_path}/apart/op.db"},
    ):
        assert master_key(read(**public, **apart), lambda: "ring") == "ring"


def test_a_key_file_beside_the_database_is_refused_too(tmp_path: Path) -> None:
    file = tmp_path / "ring"
    file.write_text("ring")
    public = {"BASE_URL": "https://example.org", "MASTER_KEY_FILE": str(file)}
    with pytest.raises(BadSetting, match="beside the database"):
        master_key(read(**public, DATA_DIR=tmp_path), lambda: "another")
    file.chmod(0o600)
    for apart in (
        read(**public, DATA_DIR=tmp_path / "apart"),
        read(DATA_DIR=tmp_path, MASTER_KEY_FILE=file),
    ):
        assert master_key(apart, lambda: "another") == "ring"


def test_the_page_of_settings_is_the_one_printed_from_the_code() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "scripts" / "print_settings.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout == (ROOT / "docs" / "reference" / "settings.md").read_text()
