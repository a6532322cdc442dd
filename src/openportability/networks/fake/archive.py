"""The archive of a simulated source: what it looks like, and a zip of one for somebody."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from openportability.domain import Kind
from openportability.network import ArchiveFormat, ListEntry

LINK_HOST = "bird.example"
#: Lists longer than this are cut into parts, and some shorter ones are too.
PART = 10_000

PREFIX = "window.YTD."

#: Files that a reader must leave alone, two of them named to mislead.
FILLERS: Mapping[str, Sequence[object]] = {
    "tweets": [{"tweet": {"id": "1", "full_text": "window.YTD.following.part0 = []"}}],
    "direct-messages": [{"dmConversation": {"messages": [{"text": "private"}]}}],
    "follower-requests-sent": [{"followerRequest": {"accountId": "12"}}],
    "smartblock-following": [{"smartBlocking": {"accountId": "34"}}],
    "profile": [{"profile": {"description": {"bio": "I live in a simulation."}}}],
    "ad-engagements": [],
}


def archive_format(base_url: str, name: str) -> ArchiveFormat:
    """Describe the archives of this network."""
    return ArchiveFormat(
        lists=(
            ListEntry(stem="following", wrapper="following", kind=Kind.FOLLOWING),
            ListEntry(stem="follower", wrapper="follower", kind=Kind.FOLLOWERS),
            ListEntry(stem="block", wrapper="blocking", kind=Kind.BLOCKED, opt_in=True),
            ListEntry(stem="mute", wrapper="muting", kind=Kind.MUTED, opt_in=True),
        ),
        owner_stem="account",
        owner_wrapper="account",
        owner_id_field="accountId",
        owner_handle_field="username",
        manifest_stem="manifest",
        id_field="accountId",
        link_field="userLink",
        link_hosts=frozenset({LINK_HOST}),
        link_path="/intent/user",
        link_parameter="user_id",
        known_stems=frozenset(FILLERS) | {"account", "manifest"},
        classic=(r"(?:.*/)?tweets\.csv", r"(?:.*/)?data/js/tweets/\d{4}_\d{2}\.js"),
        request_url=f"{base_url}/_simulated/{name}/archive",
    )


def make_archive(
    person: Mapping[str, str],
    *,
    following: Sequence[str],
    followers: Sequence[str],
    now: datetime,
) -> bytes:
    """Return the zip that the network would send to this person."""
    files = {
        **_parts("following", "following", following),
        **_parts("follower", "follower", followers),
        **_parts("block", "blocking", ()),
        **_parts("mute", "muting", ()),
        "account": [
            {
                "account": {
                    "accountId": person["id"],
                    "username": person["handle"],
                    "accountDisplayName": person["name"],
                    "email": f"{person['handle']}@private.example",
                }
            }
        ],
        **FILLERS,
    }
    written = BytesIO()
    with ZipFile(written, "w", ZIP_DEFLATED) as archive:
        archive.writestr("Your archive.html", "<!doctype html><title>Your archive</title>")
        archive.writestr("assets/viewer.js", "export {};")
        archive.writestr("data/manifest.js", _manifest(person, files, now))
        for file, items in files.items():
            archive.writestr(f"data/{file}.js", f"{PREFIX}{_global_name(file)} = {_dump(items)}")
    return written.getvalue()


def _parts(stem: str, wrapper: str, ids: Sequence[str]) -> Mapping[str, Sequence[object]]:
    # Every third length is split although it is short: readers must see parts in every demo.
    size = PART if len(ids) % 3 else max(len(ids) // 2, 1)
    chunks = list(_chunks(ids, size)) or [()]
    return {
        stem if number == 0 else f"{stem}-part{number}": [
            {
                wrapper: {
                    "accountId": one,
                    "userLink": f"https://{LINK_HOST}/intent/user?user_id={one}",
                }
            }
            for one in chunk
        ]
        for number, chunk in enumerate(chunks)
    }


def _chunks(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def _global_name(file: str) -> str:
    stem, _, part = file.partition("-part")
    return f"{stem.replace('-', '_')}.part{part or 0}"


def _manifest(
    person: Mapping[str, str], files: Mapping[str, Sequence[object]], now: datetime
) -> str:
    kinds: dict[str, dict[str, list[object]]] = {}
    for file, items in files.items():
        first, *rest = file.partition("-part")[0].split("-")
        key = first + "".join(word.title() for word in rest)
        kinds.setdefault(key, {"files": []})["files"].append(
            {
                "fileName": f"data/{file}.js",
                "globalName": f"YTD.{_global_name(file)}",
                "count": str(len(items)),
            }
        )
    config = {
        "userInfo": {
            "accountId": person["id"],
            "userName": person["handle"],
            "displayName": person["name"],
        },
        "archiveInfo": {
            "sizeBytes": "1048576",
            "generationDate": f"{now:%Y-%m-%dT%H:%M:%S}.000Z",
            "isPartialArchive": False,
            "maxPartSizeBytes": "53687091200",
        },
        "dataTypes": kinds,
    }
    return f"window.__THAR_CONFIG = {_dump(config)}"


def _dump(items: object) -> str:
    return json.dumps(items, indent=2)
