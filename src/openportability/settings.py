"""One frozen `Settings`, read once at the start from the environment and passed on as a value.

Each setting is `OPENPORTABILITY_<NAME>`, or `OPENPORTABILITY_<NAME>_FILE` with the path of a file that holds it. A
network's own settings carry its name as prefix and are declared in its folder; `network_option` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
)

#: Addresses, as a network of them.
AddressRange = IPv4Network | IPv6Network

PREFIX = "OPENPORTABILITY_"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

_DEFAULT_NETWORKS = "x,mastodon,bluesky"
_KEY_FILE = "master.key"
_DEFAULT_PORT = 8000
_NETWORK = re.compile(r"[a-z][a-z0-9_]*")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class BadSetting(ValueError):
    """A setting cannot be used; the text is one line that names it and says what to do."""


def _origin(text: str) -> str:
    """Return a base URL in its one spelling: lower case, no default port, no slash at the end."""
    parts, host, port = _split_url(text.strip())
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("give a whole address such as https://example.org")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("give scheme, host and port only: no path, query or user name")
    if parts.scheme == "http" and host not in LOOPBACK_HOSTS:
        raise ValueError("plain http is for this machine only: use https")
    shown = f"[{host}]" if ":" in host else host
    ordinary = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{shown}" + ("" if port in {None, ordinary} else f":{port}")


def _split_url(text: str) -> tuple[SplitResult, str, int | None]:
    try:
        parts = urlsplit(text)
        return parts, parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("this is not an address") from None


def _database(url: str) -> str:
    """Return the URL with the driver we use. A SQLite URL must name a file."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
        return f"postgresql+psycopg://{rest}"
    if scheme == "sqlite" and rest.startswith("/") and rest not in {"/", "/:memory:"}:
        return url
    raise ValueError("use sqlite:////path/to/file.db or postgresql+psycopg://user@host/name")


def _networks(text: str) -> tuple[tuple[str, str], ...]:
    """Turn `name,name:folder` into pairs of a name and the folder to load under it."""
    pairs = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, folder = part.partition(":")
        if not _NETWORK.fullmatch(name) or not _NETWORK.fullmatch(folder or name):
            raise ValueError("use names of small letters and digits: name,name:folder")
        pairs.append((name, folder or name))
    if not pairs or len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("name at least one network, and none twice")
    return tuple(pairs)


def _proxies(text: str) -> tuple[AddressRange, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError("give addresses or networks such as 127.0.0.1,10.0.0.0/8") from None


def _bind(text: str) -> str:
    parts, host, port = _split_url(f"//{text}")
    if not host or port is None or parts.netloc != text:
        raise ValueError("give host and port to listen on, such as 0.0.0.0:8000")
    return text


def _smtp(url: str) -> str:
    parts, host, _ = _split_url(url)
    if parts.scheme not in {"smtp", "smtps"} or not host or parts.path.strip("/"):
        raise ValueError("use smtps://user:password@host or smtp://user:password@host:587")
    return url


def _sender(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+", text):
        raise ValueError("give a plain address such as reconnect@example.org")
    return text


def _files(url: str) -> str:
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ValueError("this is more than a place: remove what begins with ? or #")
    if parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc):
        if find_spec("obstore") is None:
            raise ValueError(
                "for a bucket install what locks/s3.lock lists, or openportability[s3]"
            )
        return url
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return url
    raise ValueError("use file:///path/to/folder or s3://bucket/prefix")


def _existing(path: Path | None) -> Path | None:
    if path is not None and not path.is_file():
        raise ValueError("there is no such file: correct the path")
    return path


class Settings(BaseModel):
    """What the operator decided. Made by `Settings.read` only; each field describes itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    base_url: Annotated[str, AfterValidator(_origin)] = Field(
        f"http://127.0.0.1:{_DEFAULT_PORT}",
        description="Public address of this site. Plain http only on this machine.",
    )
    bind: Annotated[str, AfterValidator(_bind)] = Field(
        "",
        description="Host and port to listen on. Default: `127.0.0.1` and the port of a plain http "
        f"`BASE_URL`, else {_DEFAULT_PORT}.",
    )
    data_dir: Annotated[Path, AfterValidator(Path.absolute)] = Field(
        Path("var"),
        description="Directory of the SQLite file and, if nothing else is given, of files that are "
        "derived and of the key. Each machine has its own.",
    )
    database_url: Annotated[str, AfterValidator(_database)] = Field(
        repr=False,
        description="`sqlite:////path/to/file.db` or `postgresql+psycopg://user:password@host/name`"
        ". Default: `openportability.db` in `DATA_DIR`.",
    )
    master_key: str = Field(
        "",
        repr=False,
        description="The keyring: lines of `key_id:base64url`. Default: made at the first start as "
        f"`{_KEY_FILE}` in `DATA_DIR`. Keep a copy apart from the database's.",
    )
    key_beside_database: bool = Field(
        False,
        description="`yes` allows an https site to keep its key in the directory of its SQLite "
        "file. Whoever copies that directory reads everything.",
    )
    networks: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_networks)] = Field(
        _networks(_DEFAULT_NETWORKS),
        description="The networks to load, by folder; `name:folder` loads one under another name.",
    )
    trusted_proxies: Annotated[tuple[AddressRange, ...], BeforeValidator(_proxies)] = Field(
        (),
        description="Addresses or networks of proxies before this site, such as `127.0.0.1`: only "
        "their `X-Forwarded-For` is believed. Without it visitors behind a proxy on this machine "
        "are not counted by address, those behind another one share one count.",
    )
    web_threads: int = Field(
        16,
        ge=1,
        le=512,
        description="Requests answered at the same time, of those who only look a quarter as many, "
        "on SQLite one; as many more may wait for other servers.",
    )
    worker_threads: int = Field(64, ge=1, le=512, description="Jobs done at the same time.")
    answers_a_day: int = Field(
        20_000,
        ge=1,
        description="People whom somebody's own lists may newly show them on one day (UTC). The rest "
        "follow on the next days.",
    )
    answers_a_day_claimed: int = Field(
        500,
        ge=1,
        description="The same for who has not proved an account on the network of their lists.",
    )
    segments_from_links: int = Field(
        20_000_000,
        ge=0,
        description="From so many links in all lists together a worker keeps an index of them in "
        "`FILES_URL`, sealed, so that who arrives is met without reading every list. 0: never.",
    )
    files_url: Annotated[str, AfterValidator(_files)] = Field(
        "",
        description="Where files lie that are derived from the database, the index of lists: "
        "`file:///path/to/folder` or `s3://bucket/prefix`, which machines of one site share. Default: "
        "`DATA_DIR`. A bucket needs `openportability[s3]`, and its keys and region in `AWS_ACCESS_KEY_ID`, "
        "`AWS_SECRET_ACCESS_KEY` and `AWS_REGION`.",
    )
    files_endpoint: Annotated[str, AfterValidator(_origin)] = Field(
        "", description="Address of the server that speaks S3, if it is not one of AWS."
    )
    unseen_days: int = Field(
        730,
        ge=90,
        description="Who does not come here for so many days is forgotten, as if they had left.",
    )
    pool_size: int = Field(
        0,
        ge=0,
        le=1024,
        description="Most database connections of a process. 0: what its threads need.",
    )
    allow_loopback: bool = Field(
        False,
        description="Development only: outgoing requests may go to this machine, and by plain "
        "http. Refused with an https `BASE_URL`.",
    )
    metrics_token: str = Field(
        "",
        repr=False,
        description="What a program must send as bearer to read `/metrics`. Default: only programs "
        "of this machine may, past no proxy.",
    )
    smtp_url: Annotated[str, AfterValidator(_smtp)] = Field(
        "",
        repr=False,
        description="The mail server: `smtps://user:password@host`, or `smtp://…` for STARTTLS, without "
        "which only a server of this machine is spoken to. Default: no mail is sent, and no address "
        "asked for; with a plain http `BASE_URL` mails are written to the log.",
    )
    mail_from: Annotated[str, AfterValidator(_sender)] = Field(
        "", description="Address that mails come from. Needed with `SMTP_URL`."
    )
    extra_ca_file: Annotated[Path | None, AfterValidator(_existing)] = Field(
        None, description="Certificates (PEM) to trust for outgoing requests, besides the usual."
    )

    _environ: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read and check all settings; raise `BadSetting` for the first that cannot be used."""
        read = {name: _given(environ, name.upper()) for name in cls.model_fields}
        given = {name: value for name, value in read.items() if value is not None}
        data_dir = Path(given.setdefault("data_dir", "var")).absolute()
        given.setdefault("database_url", f"sqlite:///{data_dir / 'openportability.db'}")
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            raise _first_of(error) from None
        own = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
        settings._environ = own  # noqa: SLF001 - still being made, by its own class
        if settings.allow_loopback and settings.production:
            raise BadSetting(
                f"{PREFIX}ALLOW_LOOPBACK is for development: remove it, or use an http BASE_URL"
            )
        if settings.smtp_url and not settings.mail_from:
            raise BadSetting(f"{PREFIX}MAIL_FROM: give the address that mails come from")
        return settings

    @property
    def production(self) -> bool:
        """True when people reach this site from elsewhere."""
        return self.base_url.startswith("https://")

    @property
    def host(self) -> str:
        """Where `serve` listens."""
        if self.bind:
            return urlsplit(f"//{self.bind}").hostname or ""
        return "::1" if urlsplit(self.base_url).hostname == "::1" else "127.0.0.1"

    @property
    def port(self) -> int:
        """Where `serve` listens."""
        if self.bind:
            return urlsplit(f"//{self.bind}").port or 0
        if self.production:
            return _DEFAULT_PORT
        return urlsplit(self.base_url).port or 80

    @property
    def key_file(self) -> Path | None:
        """Where the keyring lies; None when it is given itself and not as a file."""
        named = self._environ.get(f"{PREFIX}MASTER_KEY_FILE", "").strip()
        if named:
            return Path(named).absolute()
        return None if self.master_key else self.data_dir / _KEY_FILE

    def connections(self, *, web: bool, worker: bool) -> int:
        """Return the database connections a process in these roles may hold.

        A worker holds one only inside its short transactions, and slices share theirs: an eighth of
        its threads is plenty.
        """
        needed = self.web_threads * web + -(-self.worker_threads // 8) * worker
        return self.pool_size or max(needed, 1)

    def network_option(self, network: str, option: str, default: str = "") -> str:
        """Return a network's own setting, the default where it is not given, nothing for the word `none`."""
        value = _given(self._environ, f"{network}_{option}".upper()) or default
        return "" if value == "none" else value


def reference() -> str:
    """Return the settings as rows of a Markdown table: name, what it means, default."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = _DEFAULT_NETWORKS if name == "networks" else str(field.get_default() or "")
        default = f"`{default}`" if default and not field.is_required() else ""
        rows.append(f"| `{PREFIX}{name.upper()}` | {field.description} | {default} |\n")
    return "| name | meaning | default |\n|---|---|---|\n" + "".join(rows)


def _given(environ: Mapping[str, str], name: str) -> str | None:
    """Return NAME, or the content of NAME_FILE, stripped; empty counts as not given."""
    value = environ.get(PREFIX + name, "").strip()
    path = environ.get(f"{PREFIX}{name}_FILE", "").strip()
    if value and path:
        raise BadSetting(f"{PREFIX}{name} and {PREFIX}{name}_FILE are both set: remove one")
    if not path:
        return value or None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        raise BadSetting(f"{PREFIX}{name}_FILE: {path} cannot be read: correct the path") from None


def _first_of(error: ValidationError) -> BadSetting:
    """Say it in one line, without the value: it may be a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    text = first["msg"].removeprefix("Value error, ")
    return BadSetting(f"{PREFIX}{str(first['loc'][0]).upper()}: {text}")
