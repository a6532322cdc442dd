"""The page that takes an archive, the report, and the same for programs."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from openportability.archives import wire
from openportability.archives.rules import Caps
from openportability.domain import UserId
from openportability.site import Site
from tests.archives import reading
from tests.archives.conftest import HOME, Member
from tests.archives.corpus import account_file, archive_files, list_files, zipped

Browser = Callable[[UserId], TestClient]
ORIGIN = {"Origin": HOME, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def database_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """Pages ask the service, which is tested on both databases."""
    path = shutil.copy(migrated_sqlite, tmp_path / "openportability.db")
    return f"sqlite:///{path}"


def send_lists(client: TestClient, body: bytes, network: str = "bird") -> Response:
    return client.post(
        f"/api/v1/archives?network={network}",
        content=body,
        headers={**ORIGIN, "Content-Type": wire.MEDIA_TYPE},
    )


def zip_field(body: bytes) -> dict[str, tuple[str, io.BytesIO]]:
    return {"file": ("archive.zip", io.BytesIO(body))}


def test_the_page_explains_and_takes_files_without_script(browser: Browser, member: Member) -> None:
    page = browser(member("77")).get("/archive")
    assert page.status_code == 200
    assert 'enctype="multipart/form-data"' in page.text
    assert 'name="file"' in page.text
    box = page.text.partition('name="also"')[2].partition(">")[0]
    assert "checked" not in box
    steps = page.text.partition('<ol class="told pictured">')[2].partition("</ol>")[0]
    assert steps.count("<li>") == steps.count('<svg class="art') == 4


def test_whoever_is_not_signed_in_is_asked_to(site: Site, browser: Browser, member: Member) -> None:
    client = browser(member("77"))
    client.cookies.clear()
    assert client.get("/archive").status_code == 401
    assert client.post("/api/v1/archives", headers=ORIGIN).status_code == 401


def test_an_uploaded_archive_leads_to_its_report(browser: Browser, member: Member) -> None:
    client = browser(member("77"))
    files = zip_field(zipped(archive_files(followers=range(10, 1244))))
    answer = client.post("/archive", files=files, headers=ORIGIN)
    assert answer.status_code == 303
    report = client.get(answer.headers["location"])
    assert report.status_code == 200
    assert "1,234" in report.text
    assert "data/following.js" in report.text
    assert "/matches" in report.text
    assert "@member1" in client.get("/archive").text


def test_a_claimed_archive_is_said_to_be_one(browser: Browser, member: Member) -> None:
    client = browser(member())
    answer = client.post("/archive", files=zip_field(zipped(archive_files())), headers=ORIGIN)
    assert "not proved" in client.get(answer.headers["location"]).text


def test_what_was_odd_stands_in_the_report_in_words(browser: Browser, member: Member) -> None:
    client = browser(member("77"))
    files = archive_files(following=range(1, 9), parts=3)
    del files["data/following-part2.js"]
    answer = client.post("/archive", files=zip_field(zipped(files)), headers=ORIGIN)
    assert "A part of a list is missing" in client.get(answer.headers["location"]).text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "This is not the zip file you were given"),
        (zipped(archive_files(owner=5, handle="bea")), "This archive belongs to bea"),
    ],
)
def test_a_refused_archive_shows_the_form_again_with_the_reason(
    browser: Browser, member: Member, body: bytes, words: str
) -> None:
    answer = browser(member("77")).post("/archive", files=zip_field(body), headers=ORIGIN)
    assert answer.status_code == 400
    assert words in answer.text
    assert 'name="file"' in answer.text


def test_a_form_without_a_file_says_so(browser: Browser, member: Member) -> None:
    client = browser(member("77"))
    # What a browser sends when nothing was chosen.
    empty = (
        '--line\r\nContent-Disposition: form-data; name="file"; filename=""\r\n'
        "Content-Type: application/octet-stream\r\n\r\n\r\n--line--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=line"}
    for answer in (
        client.post("/archive", content=empty, headers={**ORIGIN, **kind}),
        client.post("/archive", data={"also": "yes"}, headers=ORIGIN),
    ):
        assert answer.status_code == 400
        assert "No file was chosen" in answer.text


def test_blocks_come_only_with_the_ticked_box(browser: Browser, member: Member) -> None:
    client = browser(member("77"))
    body = zipped(archive_files(blocked=[6]))
    for also, shown in (("", False), ("yes", True)):
        answer = client.post("/archive", files=zip_field(body), data={"also": also}, headers=ORIGIN)
        page = client.get(answer.headers["location"]).text
        assert ("People you blocked" in page) is shown


def test_a_report_of_somebody_else_is_not_there(browser: Browser, member: Member) -> None:
    mine, other = browser(member("77")), browser(member("78"))
    answer = mine.post("/archive", files=zip_field(zipped(archive_files())), headers=ORIGIN)
    assert other.get(answer.headers["location"]).status_code == 404


def test_programs_get_the_report_as_json(browser: Browser, member: Member) -> None:
    client = browser(member("77"))
    answer = client.post(
        "/api/v1/archives", files=zip_field(zipped(archive_files())), headers=ORIGIN
    )
    assert answer.status_code == 201
    tree = answer.json()
    assert tree["archive_id"]
    report = tree["report"]
    assert report["read"] == [
        {
            "file": "data/following.js",
            "kind": "following",
            "count": 3,
            "duplicates": 0,
            "skipped": 0,
        },
        {
            "file": "data/follower.js",
            "kind": "followers",
            "count": 2,
            "duplicates": 0,
            "skipped": 0,
        },
    ]
    assert report["owner"] == {
        "actor_id": "77",
        "handle": "@member1",
        "matches": True,
        "proof": "proved",
    }
    assert (report["added"], report["removed"], report["warnings"]) == (5, 0, [])


def test_programs_may_send_loose_files(browser: Browser, member: Member) -> None:
    names = {**list_files("following", range(1, 9), 3), "account.js": account_file()}
    files = [("file", (name, io.BytesIO(body))) for name, body in names.items()]
    answer = browser(member("77")).post("/api/v1/archives", files=files, headers=ORIGIN)
    assert answer.status_code == 201
    assert answer.json()["report"]["added"] == 8
    assert [one["code"] for one in answer.json()["report"]["warnings"]] == ["archive.missing_list"]


def test_the_lists_alone_give_the_same_report_as_the_zip(browser: Browser, member: Member) -> None:
    body = zipped(archive_files(blocked=[9]))
    client = browser(member("77"))
    client.post("/api/v1/archives", files=zip_field(body), headers=ORIGIN)
    whole = client.post("/api/v1/archives", files=zip_field(body), headers=ORIGIN)
    answer = send_lists(client, wire.encode(reading.read_zip(body)))
    assert (whole.status_code, answer.status_code) == (201, 201)
    assert answer.json()["report"] == whole.json()["report"]
    assert client.get(f"/archive/{answer.json()['archive_id']}").status_code == 200


def test_the_lists_of_somebody_else_are_refused(browser: Browser, member: Member) -> None:
    body = wire.encode(reading.read_zip(zipped(archive_files(owner=78, handle="bea"))))
    answer = send_lists(browser(member("77")), body)
    assert (answer.status_code, answer.json()["code"]) == (400, "archive.other_owner")


def test_lists_for_a_network_without_archives_are_refused(browser: Browser, member: Member) -> None:
    body = wire.encode(reading.read_zip(zipped(archive_files())))
    answer = send_lists(browser(member("77")), body, network="herd")
    assert answer.status_code == 404


@pytest.mark.parametrize("kind", [wire.MEDIA_TYPE, f"{wire.MEDIA_TYPE.upper()}; v=1"])
def test_what_says_to_be_lists_and_is_not_has_a_code(
    browser: Browser, member: Member, kind: str
) -> None:
    answer = browser(member("77")).post(
        "/api/v1/archives", content=b"lists", headers={**ORIGIN, "Content-Type": kind}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "archive.corrupt_file")


def test_a_body_that_is_held_in_memory_has_a_size(browser: Browser, member: Member) -> None:
    client = browser(member("77"))
    for kind, status in ((wire.MEDIA_TYPE, 413), ("multipart/form-data; boundary=a", 400)):
        headers = {"Content-Type": kind, "Content-Length": str(257 << 20)}
        answer = client.post("/api/v1/archives", content=b"", headers={**ORIGIN, **headers})
        assert answer.status_code == status


def test_the_description_of_the_api_names_both_bodies(browser: Browser, member: Member) -> None:
    tree = browser(member("77")).get("/api/v1/openapi.json").json()
    bodies = tree["paths"]["/api/v1/archives"]["post"]["requestBody"]["content"]
    assert set(bodies) == {"multipart/form-data", wire.MEDIA_TYPE}


def test_the_page_tells_its_script_what_to_read(browser: Browser, member: Member) -> None:
    page = browser(member("77")).get("/archive").text
    told = json.loads(page.partition("data-archive-told>")[2].partition("</script>")[0])
    assert [one["stem"] for one in told["formats"]["bird"]["lists"]][:2] == [
        "following",
        "follower",
    ]
    assert told["caps"]["rows"] == Caps().rows
    assert told["mine"]["bird"] == [{"id": "77", "handle": "@member1", "proved": True}]
    assert told["words"]["archive.not_zip"][0] == "This is not the zip file you were given"


def test_programs_get_problems_with_a_code(browser: Browser, member: Member) -> None:
    answer = browser(member("77")).post(
        "/api/v1/archives", files=zip_field(b"nothing"), headers=ORIGIN
    )
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "archive.not_zip"
