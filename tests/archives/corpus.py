"""Archives for tests: whole ones as the network makes them, and the ways in which they break."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

WRAPPERS = {
    "following": "following",
    "follower": "follower",
    "block": "blocking",
    "mute": "muting",
    "account": "account",
}
MADE = "2025-02-03T04:05:06.000Z"

#: Real files that a reader must leave alone; several are named to mislead.
BESIDE: Mapping[str, object] = {
    "data/tweets.js": [{"tweet": {"full_text": 'window.YTD.following.part0 = [{"following":'}}],
    "data/follower-requests-sent.js": [{"followerRequest": {"accountId": "666"}}],
    "data/follower-requests-received.js": [{"followerRequest": {"accountId": "666"}}],
    "data/following-requests.js": [{"following": {"accountId": "666"}}],
    "data/smartblock-following.js": [{"following": {"accountId": "666"}}],
    "data/unfollowed-accounts.js": [{"follower": {"accountId": "666"}}],
    "data/my-follower.js": [{"follower": {"accountId": "666"}}],
    "data/follower.js.bak": [{"follower": {"accountId": "666"}}],
    "data/followers.js": [{"follower": {"accountId": "666"}}],
    "data/direct-message-mute.js": [{"muting": {"accountId": "666"}}],
    "data/direct-messages.js": [{"dmConversation": {"messages": []}}],
    "data/ip-audit.js": [{"ipAudit": {"loginIp": "192.0.2.1"}}],
}


def row(wrapper: str, number: int, host: str = "twitter.com") -> dict[str, object]:
    """Return one row of a list."""
    link = f"https://{host}/intent/user?user_id={number}"
    return {wrapper: {"accountId": str(number), "userLink": link}}


def script(stem: str, items: object, part: int = 0, *, indent: int | None = 2) -> bytes:
    """Return a file as the network writes it."""
    name = stem.replace("-", "_")
    return f"window.YTD.{name}.part{part} = {json.dumps(items, indent=indent)}".encode()


def list_files(stem: str, ids: Sequence[int], parts: int = 1) -> dict[str, bytes]:
    """Return the files of one list by their names, without folder."""
    size = -(-len(ids) // parts) or 1
    return {
        f"{stem}{f'-part{part}' if part else ''}.js": script(
            stem, [row(WRAPPERS[stem], number) for number in ids[part * size :][:size]], part
        )
        for part in range(parts)
    }


def account_file(owner: int | str = 77, handle: str = "ada") -> bytes:
    """Return the file that says whose archive it is."""
    about = {"accountId": str(owner), "username": handle, "email": "ada@private.example"}
    return script("account", [{"account": about}])


def manifest_file(
    files: Mapping[str, bytes], *, owner: int | str = 77, handle: str = "ada", made: str = MADE
) -> bytes:
    """Return the index of these files (names without folder)."""
    kinds: dict[str, dict[str, list[object]]] = {}
    for name, body in files.items():
        key = name.partition("-part")[0].partition(".")[0]
        count = body.count(f'"{WRAPPERS.get(key, key)}": {{'.encode())
        kinds.setdefault(key, {"files": []})["files"].append(
            {"fileName": f"data/{name}", "globalName": f"YTD.{key}", "count": str(count)}
        )
    config = {
        "userInfo": {"accountId": str(owner), "userName": handle, "displayName": "Ada"},
        "archiveInfo": {"generationDate": made, "sizeBytes": "12", "isPartialArchive": False},
        "dataTypes": kinds,
    }
    return f"window.__THAR_CONFIG = {json.dumps(config, indent=2)}".encode()


def archive_files(
    *,
    owner: int | str = 77,
    handle: str = "ada",
    following: Sequence[int] = (1, 2, 3),
    followers: Sequence[int] = (3, 4),
    blocked: Sequence[int] = (),
    muted: Sequence[int] = (),
    parts: int = 1,
    made: str = MADE,
) -> dict[str, bytes]:
    """Return the files of a whole archive by their paths."""
    lists = {
        **list_files("following", following, parts),
        **list_files("follower", followers, parts),
        **list_files("block", blocked),
        **list_files("mute", muted),
    }
    beside = {name: script(Path(name).stem, items) for name, items in BESIDE.items()}
    return {
        "Your archive.html": b"<!doctype html><title>Your archive</title>",
        "assets/js/runtime.js": b"export {};",
        **beside,
        "data/manifest.js": manifest_file(lists, owner=owner, handle=handle, made=made),
        "data/account.js": account_file(owner, handle),
        **{f"data/{name}": body for name, body in lists.items()},
    }


def zipped(
    files: Mapping[str, bytes] | Iterable[tuple[str, bytes]],
    *,
    method: int = zipfile.ZIP_DEFLATED,
    large: bool = False,
) -> bytes:
    """Return a zip of these files; `large` writes every entry with zip64 fields."""
    pairs = files.items() if isinstance(files, Mapping) else files
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as zip_file:
        for name, body in pairs:
            described = zipfile.ZipInfo(name)
            described.compress_type = method
            with zip_file.open(described, "w", force_zip64=large) as entry:
                entry.write(body)
    return out.getvalue()


class Unseekable(io.RawIOBase):
    """A pipe: who writes a zip into it must put the sizes behind the entries."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, body: object) -> int:
        piece = bytes(body)  # type: ignore[call-overload]  # whatever the zip writer hands on
        self.written += piece
        return len(piece)


def streamed(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip whose entries have data descriptors."""
    pipe = Unseekable()
    with zipfile.ZipFile(pipe, "w", method) as zip_file:
        for name, body in files.items():
            zip_file.writestr(name, body)
    return bytes(pipe.written)


def directory_at(body: bytes) -> int:
    """Return where the directory of a small zip begins."""
    at: int = struct.unpack_from("<I", body, body.rindex(b"PK\x05\x06") + 16)[0]
    return at


def without_directory(body: bytes) -> bytes:
    """Return a zip whose end record knows of no entry."""
    end = body.rindex(b"PK\x05\x06")
    empty = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0, 0, 0, 0, 0)
    return body[:end] + empty


def commented(body: bytes, comment: bytes) -> bytes:
    """Return a zip with this comment behind it."""
    return body[:-2] + struct.pack("<H", len(comment)) + comment


def with_large_end(body: bytes) -> bytes:
    """Return a zip that has the end of a large one as well, though nothing in it needs that."""
    end = body.rindex(b"PK\x05\x06")
    count, size, at = struct.unpack_from("<10xHII", body, end)
    record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, at)
    return body[:end] + record + b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1) + body[end:]


def patched(body: bytes, signature: bytes, at: int, form: str, value: int) -> bytes:
    """Return a zip with a field of every record of one kind overwritten."""
    out = bytearray(body)
    place = out.find(signature)
    while place >= 0:
        struct.pack_into(form, out, place + at, value)
        place = out.find(signature, place + 4)
    return bytes(out)


def with_method(body: bytes, method: int) -> bytes:
    """Return a zip that says another way of packing."""
    return patched(patched(body, b"PK\x01\x02", 10, "<H", method), b"PK\x03\x04", 8, "<H", method)


def with_password(body: bytes) -> bytes:
    """Return a zip that says it is encrypted."""
    return patched(patched(body, b"PK\x01\x02", 8, "<H", 1), b"PK\x03\x04", 6, "<H", 1)


def write_archive(
    path: Path,
    *,
    owner: int | str,
    handle: str,
    following: Sequence[int],
    followers: Sequence[int],
    parts: int = 1,
    filler_megabytes: int = 0,
) -> Path:
    """Write a whole archive, with as many megabytes of pictures beside the lists as asked for."""
    noise = random.Random(7)
    files = archive_files(
        owner=owner, handle=handle, following=following, followers=followers, parts=parts
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zip_file:
        for name, body in files.items():
            zip_file.writestr(name, body)
        for number in range(filler_megabytes):
            picture = noise.randbytes(1 << 20)
            name = f"data/tweets_media/{number}-picture.jpg"
            zip_file.writestr(name, picture, zipfile.ZIP_STORED)
    return path
