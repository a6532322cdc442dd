"""Whose lists an archive may change, what it changes, and what is told about it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from openportability.accounts import store as accounts
from openportability.archives import report, service
from openportability.archives.gather import Upload
from openportability.archives.report import Report
from openportability.archives.rules import Caps
from openportability.clock import MovedClock
from openportability.domain import ActorId, Kind, Proof, UserId
from openportability.errors import Busy, Invalid, NotFound
from openportability.graph import store as graph
from openportability.jobs.port import Job, Work
from openportability.privacy import service as privacy
from openportability.site import Site
from tests.archives.conftest import BIRD, Member
from tests.archives.corpus import archive_files, list_files, write_archive, zipped

BOTH = frozenset({Kind.BLOCKED, Kind.MUTED})


def bring(site: Site, user: UserId, body: bytes, also: frozenset[Kind] = frozenset()) -> Report:
    _, made = service.accept(
        site, user, [Upload(name="archive.zip", file=io.BytesIO(body))], also=also
    )
    return made


def held(site: Site, user: UserId, kind: Kind) -> list[int] | None:
    with site.db.read() as tx:
        opened = graph.open_lists(tx, site.vault, user)
    return next((keys.tolist() for of, keys in opened if of.kind is kind), None)


def refused(site: Site, user: UserId, body: bytes) -> Invalid:
    with pytest.raises(Invalid) as caught:
        bring(site, user, body)
    return caught.value


def test_the_lists_of_a_proved_account_are_taken(site: Site, member: Member) -> None:
    ada = member("77")
    made = bring(site, ada, zipped(archive_files()))
    assert (held(site, ada, Kind.FOLLOWING), held(site, ada, Kind.FOLLOWERS)) == ([1, 2, 3], [3, 4])
    assert (made.proof, made.actor_id, made.added, made.removed) == (Proof.PROVED, "77", 5, 0)


def test_an_archive_of_somebody_else_is_refused_with_both_names(site: Site, member: Member) -> None:
    ada = member("77")
    error = refused(site, ada, zipped(archive_files(owner=78, handle="bea")))
    assert error.code == "archive.other_owner"
    assert error.detail == {"owner": "bea", "mine": "@member1"}
    assert held(site, ada, Kind.FOLLOWING) is None


def test_without_a_proved_account_the_archive_makes_a_claimed_one(
    site: Site, member: Member
) -> None:
    ada = member()
    made = bring(site, ada, zipped(archive_files()))
    assert made.proof is Proof.CLAIMED
    with site.db.read() as tx:
        claimed = accounts.account_of_actor(tx, BIRD, ActorId("77"), or_claimed_by=ada)
    assert claimed is not None
    assert (claimed.user, claimed.proof, claimed.actor.handle) == (ada, Proof.CLAIMED, "ada")
    assert bring(site, ada, zipped(archive_files())).proof is Proof.CLAIMED
    assert refused(site, ada, zipped(archive_files(owner=78))).code == "archive.other_owner"


@pytest.mark.parametrize("proof", list(Proof))
def test_a_claim_does_not_tell_that_another_member_has_the_account(
    site: Site, member: Member, proof: Proof
) -> None:
    alone = bring(site, member(), zipped(archive_files(owner=76)))
    member("77", proof)
    beside = bring(site, member(), zipped(archive_files()))
    assert replace(beside, actor_id=alone.actor_id, at=alone.at) == alone


def test_lists_without_owner_are_taken_for_the_one_proved_account_only(
    site: Site, member: Member
) -> None:
    lists = zipped({f"data/{k}": v for k, v in list_files("following", [5]).items()})
    assert bring(site, member("77"), lists).actor_id == "77"
    for user in (member(), member("78", Proof.CLAIMED)):
        assert refused(site, user, lists).code == "archive.no_owner"


def test_a_new_archive_replaces_the_lists_and_says_what_is_different(
    site: Site, member: Member
) -> None:
    ada = member("77")
    bring(site, ada, zipped(archive_files(following=[1, 2, 3], followers=[4])))
    made = bring(site, ada, zipped(archive_files(following=[3, 9], followers=[4])))
    assert held(site, ada, Kind.FOLLOWING) == [3, 9]
    changes = [(one.kind, one.added, one.removed, one.unchanged) for one in made.lists]
    assert changes == [(Kind.FOLLOWING, 1, 2, 1), (Kind.FOLLOWERS, 0, 0, 1)]


def test_an_unreadable_archive_changes_nothing(site: Site, member: Member) -> None:
    ada = member("77")
    bring(site, ada, zipped(archive_files()))
    damaged = archive_files(following=[9])
    damaged["data/follower.js"] = b"[{"
    assert refused(site, ada, zipped(damaged)).code == "archive.corrupt_file"
    assert held(site, ada, Kind.FOLLOWING) == [1, 2, 3]
    # And stands in the way of nothing.
    bring(site, ada, zipped(archive_files(following=[9])))
    assert held(site, ada, Kind.FOLLOWING) == [9]


def test_blocks_are_kept_when_the_next_archive_comes_without_asking_for_them(
    site: Site, member: Member
) -> None:
    ada = member("77")
    body = zipped(archive_files(blocked=[6], muted=[7]))
    bring(site, ada, body, BOTH)
    bring(site, ada, body)
    assert (held(site, ada, Kind.BLOCKED), held(site, ada, Kind.MUTED)) == ([6], [7])


def test_matching_is_woken_once_the_lists_are_there(site: Site, member: Member) -> None:
    ada = member("77")
    seen: list[list[int] | None] = []
    job = Job(
        name=graph.ARRIVED.job,
        run=lambda _key: seen.append(held(site, ada, Kind.FOLLOWING)),
    )
    site.engine.prepare()
    site.engine.register(Work(jobs=[job], chores=[]))
    bring(site, ada, zipped(archive_files()))
    site.engine.turn()
    assert seen == [[1, 2, 3]]


def test_a_report_is_its_owners_alone(site: Site, member: Member) -> None:
    ada, eve = member("77"), member("78")
    shown, made = service.accept(
        site,
        ada,
        [Upload(name="a.zip", file=io.BytesIO(zipped(archive_files())))],
        also=frozenset(),
    )
    assert service.report_of(site, ada, shown) == made
    with site.db.read() as tx:
        assert service.newest_report(tx, site, ada) == made
        assert service.newest_report(tx, site, eve) is None
    for user, number in ((eve, shown), (ada, "nonsense")):
        with pytest.raises(NotFound):
            service.report_of(site, user, number)


def test_a_report_comes_back_as_it_was(site: Site, member: Member) -> None:
    files = archive_files(following=range(1, 9), parts=3)
    del files["data/following-part2.js"]
    made = bring(site, member("77"), zipped(files))
    assert made.warnings
    assert report.from_bytes(report.to_bytes(made)) == made


def test_so_many_archives_a_day_and_no_more(site: Site, member: Member, clock: MovedClock) -> None:
    ada = member("77")
    few = Caps(uploads_a_day=2)

    def again() -> None:
        upload = Upload(name="a.zip", file=io.BytesIO(zipped(archive_files())))
        service.accept(site, ada, [upload], also=frozenset(), caps=few)

    again()
    clock.forward(hours=1)
    again()
    with pytest.raises(Busy) as caught:
        again()
    assert 22.9 < (caught.value.until - clock.now()).total_seconds() / 3600 < 23.1
    clock.forward(hours=23, minutes=1)
    again()


def test_who_leaves_and_comes_again_brings_no_more_in_a_day(
    site: Site, member: Member, clock: MovedClock
) -> None:
    few = Caps(uploads_a_day=2)

    def bring_again(user: UserId) -> None:
        upload = Upload(name="a.zip", file=io.BytesIO(zipped(archive_files())))
        service.accept(site, user, [upload], also=frozenset(), caps=few)

    for _ in range(2):
        ada = member("77")
        bring_again(ada)
        privacy.leave(site, ada)
        clock.forward(hours=1)
    ada = member("77")
    with pytest.raises(Busy):
        bring_again(ada)
    clock.forward(days=1)
    bring_again(ada)


def test_only_networks_with_archives_are_sources(site: Site, member: Member) -> None:
    upload = Upload(name="a.zip", file=io.BytesIO(zipped(archive_files())))
    with pytest.raises(NotFound):
        service.accept(site, member("77"), [upload], also=frozenset(), network="herd")


def test_an_archive_can_be_inspected_from_disk(site: Site, tmp_path: Path) -> None:
    path = write_archive(
        tmp_path / "archive.zip",
        owner=77,
        handle="ada",
        following=range(1, 100),
        followers=[5],
        parts=2,
        filler_megabytes=1,
    )
    told = json.loads(service.inspection(site, None, [path], as_json=True))
    assert told["owner"] == {"id": "77", "handle": "ada"}
    counts = {kind: one["count"] for kind, one in told["lists"].items()}
    assert counts == {"following": 99, "followers": 1, "blocked": 0, "muted": 0}
    text = service.inspection(site, "bird", [path], as_json=False)
    assert "following: 99, sha256" in text
    with pytest.raises(Invalid):
        service.inspection(site, None, [tmp_path / "none.zip"], as_json=False)
