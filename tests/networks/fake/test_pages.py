from __future__ import annotations

import io
import json
import re
import zipfile
from urllib.parse import parse_qsl, urlsplit

import pytest

from openportability.domain import Purpose
from openportability.errors import Invalid
from openportability.networks.fake.residents import Role
from tests.networks.fake.stage import Stage
from tests.networks.subject import STATE


@pytest.fixture
def sky() -> Stage:
    """A network of records, with a few people."""
    return Stage(Role.REPOSITORY, people=60, TITLE="Sky & Co")


def _address(stage: Stage, purpose: Purpose = Purpose.FOLLOW) -> str:
    return stage.subject.begin_with("newcomer.sky.example", purpose).url


def test_the_page_says_what_it_is_and_suggests_the_newcomer_first(sky: Stage) -> None:
    served = sky.page(_address(sky))
    page = served.body.decode()
    assert (served.status, served.media_type) == (200, "text/html; charset=utf-8")
    assert "This is the simulated network Sky &amp; Co" in page
    assert "Who are you?" in page
    people = re.findall(r'type="radio" name="who" value="([^"]+)"( checked)?', page)
    assert len(people) >= 8
    newcomer = sky.subject.stage.ask("person", who="newcomer")
    assert people[0] == (newcomer["id"], " checked")
    assert not any(checked for _, checked in people[1:])


def test_the_page_says_what_is_asked_for(sky: Stage) -> None:
    asking = sky.page(_address(sky, Purpose.FOLLOW)).body.decode()
    assert "follow people for you, and take that back" in asking
    asking = sky.page(_address(sky, Purpose.IDENTIFY)).body.decode()
    assert "see who you are" in asking
    assert "follow people for you" not in asking


def test_people_can_be_searched(sky: Stage) -> None:
    someone = sky.subject.stage.ask("people", limit=10)["people"][-1]
    page = sky.page(_address(sky), q=someone["name"]).body.decode()
    assert someone["handle"] in page
    assert "Nora Newcomer" not in page
    assert "Nobody here has such a name" in sky.page(_address(sky), q="zzzz").body.decode()


def test_what_comes_in_is_escaped_and_nothing_is_inline(sky: Stage) -> None:
    page = sky.page(_address(sky), q='"><script>alert(1)</script>').body.decode()
    assert "<script" not in page
    assert "style=" not in page
    assert "<style" not in page
    assert not re.search(r"\son\w+=", page)
    (stylesheet,) = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page)
    served = sky.page(stylesheet)
    assert served.media_type.startswith("text/css")
    assert b"@import" not in served.body
    for control in re.findall(r'<input type="(?:text|search)" id="(\w+)"', page):
        assert f'for="{control}"' in page


def test_allow_leads_back_with_a_code_and_our_state(sky: Stage) -> None:
    form = {"who": "newcomer.sky.example", "handle": "", "answer": "allow"}
    served = sky.page(_address(sky), method="POST", form=form)
    assert served.status == 303
    assert served.location
    assert served.location.startswith(f"{sky.subject.redirect_uri}?")
    back = dict(parse_qsl(urlsplit(served.location).query))
    assert back.keys() == {"code", "state"}
    assert back["state"] == STATE


def test_what_is_written_counts_more_than_what_is_ticked(sky: Stage) -> None:
    begun = sky.subject.begin_with("newcomer.sky.example", Purpose.IDENTIFY)
    other = sky.subject.person()
    form = {"who": "newcomer.sky.example", "handle": other.handle, "answer": "allow"}
    served = sky.page(begun.url, method="POST", form=form)
    back = dict(parse_qsl(urlsplit(served.location or "").query))
    with pytest.raises(Invalid) as caught:
        sky.subject.finish(begun, back)
    assert caught.value.code == "auth.wrong_account"


@pytest.mark.parametrize("handle", ["nobody-at-all", ""])
def test_a_person_who_does_not_exist_is_asked_again(sky: Stage, handle: str) -> None:
    form = {"handle": handle, "answer": "allow"}
    served = sky.page(_address(sky), method="POST", form=form)
    assert served.status == 400
    assert b'role="alert"' in served.body
    assert b"Who are you?" in served.body


def test_nobody_is_sent_to_another_site(sky: Stage) -> None:
    for method in ("GET", "POST"):
        served = sky.page(_address(sky), method=method, redirect_uri="https://evil.example/")
        assert (served.status, served.location) == (400, None)


def test_a_profile_can_be_read(sky: Stage) -> None:
    who = sky.subject.person()
    served = sky.page(sky.network.profile_url(who))
    assert who.handle in served.body.decode()
    sky.subject.delete(who)
    assert sky.page(sky.network.profile_url(who)).status == 404


def test_a_profile_leads_to_the_new_place_of_who_moved() -> None:
    herd = Stage(Role.INSTANCES)
    who = herd.subject.person()
    new = herd.subject.move(who)
    page = herd.page(herd.network.profile_url(who)).body.decode()
    (link,) = re.findall(r'<a href="([^"]+)">here</a>', page)
    assert new.handle in herd.page(link).body.decode()


def test_the_people_and_their_follows_can_be_listed(sky: Stage) -> None:
    told = json.loads(sky.page("people", limit="5", skip="2").body)
    assert len(told["people"]) == 5
    assert told["count"] > 20
    who, grant = sky.somebody()
    wanted = sky.strangers(2)
    sky.follow(grant, wanted)
    told = json.loads(sky.page("follows", person=who.id).body)
    assert told["actors"] == [one.actor.id for one in wanted]
    assert sky.page("follows", person="nobody").status == 404


def test_a_source_gives_the_archive_of_a_person() -> None:
    bird = Stage(Role.SOURCE, people=2_000)
    served = bird.page("archive", person="newcomer")
    assert served.media_type == "application/zip"
    assert re.fullmatch(r"archive-newcomer-\d{4}-\d\d-\d\d\.zip", served.download or "")
    with zipfile.ZipFile(io.BytesIO(served.body)) as archive:
        read = {
            name: json.loads(re.sub(rb"^window\.\w+(\.\w+)* = ", b"", archive.read(name)))
            for name in archive.namelist()
            if name.startswith("data/")
        }
    following = [
        item["following"]["accountId"]
        for name, items in read.items()
        if re.fullmatch(r"data/following(-part\d+)?\.js", name)
        for item in items
    ]
    assert len(set(following)) == 300
    assert "data/following-part1.js" in read
    assert len(read["data/follower.js"]) == 200
    (account,) = read["data/account.js"]
    manifest = read["data/manifest.js"]
    assert account["account"]["accountId"] == manifest["userInfo"]["accountId"]
    for told in manifest["dataTypes"].values():
        for file in told["files"]:
            assert len(read[file["fileName"]]) == int(file["count"])
    assert bird.page("archive", person="nobody").status == 404


def test_whose_archive_it_is_to_be_is_asked() -> None:
    bird = Stage(Role.SOURCE, people=60)
    page = bird.page("archive").body.decode()
    (mine, *others) = re.findall(r'type="radio" name="who" value="([^"]+)"', page)
    assert others
    theirs = bird.subject.stage.ask("person", who=others[0])["handle"]
    for chosen, handle in (
        ({"who": mine, "handle": ""}, "newcomer"),
        ({"who": others[0]}, theirs),
        ({"who": mine, "handle": theirs}, theirs),
    ):
        served = bird.page("archive", **chosen)
        assert served.media_type == "application/zip"
        assert (served.download or "").startswith(f"archive-{handle}-")


@pytest.mark.parametrize(
    "typed",
    [
        "meadow.example",
        " https://Meadow.example/ ",
        "newcomer@meadow.example",
        "@newcomer@meadow.example",
    ],
)
def test_a_server_may_be_typed_in_all_usual_ways(typed: str) -> None:
    herd = Stage(Role.INSTANCES)
    query = dict(parse_qsl(urlsplit(herd.subject.begin_with(typed, Purpose.IDENTIFY).url).query))
    assert query["host"] == "meadow.example"
    assert query.get("hint") == ("newcomer@meadow.example" if "@" in typed else None)


@pytest.mark.parametrize("typed", ["", "elsewhere.example", "[::1", "a@b@c", "https://"])
def test_an_unknown_server_is_said_so(typed: str) -> None:
    with pytest.raises(Invalid) as caught:
        Stage(Role.INSTANCES).subject.begin_with(typed, Purpose.IDENTIFY)
    assert caught.value.code == "simulated.unknown_host"
