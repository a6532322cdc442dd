"""Proving who somebody is."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from openportability.domain import Purpose
from openportability.errors import Invalid, NetworkError, SignedOut
from tests.networks.promises.promise import (
    destination_of,
    grant_of,
    promise,
)
from tests.networks.subject import STATE, Can, Subject


@promise()
def signing_in_proves_who_came_back(subject: Subject) -> None:
    who = subject.person()
    proved = subject.sign_in(who)
    assert (proved.actor.network, proved.actor.id) == (subject.network.name, who.id)
    assert proved.actor.instance == who.instance
    assert proved.actor.handle == who.handle
    again = subject.sign_in(who)
    assert again.actor.id == proved.actor.id


@promise()
def a_sign_in_carries_our_state_and_hides_its_secret(subject: Subject) -> None:
    begun = subject.begin(subject.person(), Purpose.IDENTIFY)
    assert re.match(r"https?://", begun.url)
    assert STATE in begun.url or "request_uri=" in begun.url
    assert "secret=" not in repr(begun)


@promise()
def a_sign_in_asks_one_thing_more_than_the_protocol_needs_at_most(subject: Subject) -> None:
    who = subject.person()
    subject.sign_in(who)
    subject.door.asked.clear()
    begun = subject.begin(who, Purpose.IDENTIFY)
    asked = Counter(subject.door.asked)
    answer = subject.consent(begun, who)  # may take the same door, where the network is simulated
    subject.door.asked.clear()
    subject.finish(begun, answer)
    asked += Counter(subject.door.asked)
    needed = Counter(subject.needed(who))
    assert needed <= asked, "it is not needed, then"
    assert (asked - needed).total() <= 1, asked - needed


@promise(Can.TYPE)
def what_cannot_be_an_account_is_said_so_at_once(subject: Subject) -> None:
    assert subject.network.sign_in
    assert subject.network.sign_in.field
    with pytest.raises(Invalid):
        subject.begin_with(subject.mistyped(), Purpose.IDENTIFY)


@promise(Can.DENY)
def a_person_who_says_no_is_not_signed_in(subject: Subject) -> None:
    who = subject.person()
    begun = subject.begin(who, Purpose.IDENTIFY)
    answer = subject.consent(begun, who, allow=False)
    with pytest.raises(Invalid) as caught:
        subject.finish(begun, answer)
    assert caught.value.code == "auth.denied"


@promise(Can.BIND_CODE)
def a_made_up_code_is_not_a_proof(subject: Subject) -> None:
    who = subject.person()
    begun = subject.begin(who, Purpose.IDENTIFY)
    answer = {**subject.consent(begun, who), "code": "made-up"}
    with pytest.raises((Invalid, NetworkError)):
        subject.finish(begun, answer)


@promise(Can.SPEND_CODE)
def a_code_works_once(subject: Subject) -> None:
    who = subject.person()
    begun = subject.begin(who, Purpose.IDENTIFY)
    answer = subject.consent(begun, who)
    subject.finish(begun, answer)
    with pytest.raises((Invalid, NetworkError)):
        subject.finish(begun, answer)


@promise(Can.BIND_CODE)
def a_code_is_of_no_use_in_another_sign_in(subject: Subject) -> None:
    who = subject.person()
    theirs = subject.begin(who, Purpose.IDENTIFY)
    ours = subject.begin(who, Purpose.IDENTIFY)
    stolen = subject.consent(theirs, who)
    with pytest.raises((Invalid, NetworkError)):
        subject.finish(ours, stolen)


@promise(Can.MIX_UP)
def an_answer_of_another_server_is_refused(subject: Subject) -> None:
    who = subject.person()
    begun = subject.begin(who, Purpose.IDENTIFY)
    with pytest.raises(Invalid) as caught:
        subject.finish(begun, subject.others_answer(begun, who))
    assert caught.value.code == "auth.mixed_up"


@promise(Can.GRANT)
def a_grant_belongs_to_who_gave_it_and_shows_no_secret(subject: Subject) -> None:
    who = subject.person()
    grant = grant_of(subject, who, Purpose.IDENTIFY)
    assert (grant.network, grant.actor_id) == (subject.network.name, who.id)
    assert grant.scopes
    assert grant.secret
    assert "secret=" not in repr(grant)


@promise(Can.GRANT)
def a_look_at_who_has_not_changed_shows_the_same(subject: Subject) -> None:
    assert subject.network.sign_in
    proved = subject.sign_in(subject.person())
    assert proved.grant
    seen = subject.network.sign_in.look(proved.grant, proved.actor)
    assert replace(seen, seen_at=proved.actor.seen_at) == proved.actor


@promise(Can.RENAME)
def who_is_called_something_else_is_still_the_same(subject: Subject) -> None:
    assert subject.network.sign_in
    who = subject.person()
    proved = subject.sign_in(who)
    assert proved.grant
    new = subject.rename(who)
    assert (new.handle, new.name) != (proved.actor.handle, proved.actor.name)
    seen = subject.network.sign_in.look(proved.grant, proved.actor)
    assert (seen.network, seen.id) == (proved.actor.network, who.id)
    assert (seen.handle, seen.name) == (new.handle, new.name)


@promise(Can.GRANT)
def a_grant_can_be_revoked_twice(subject: Subject) -> None:
    assert subject.network.sign_in
    grant = grant_of(subject, subject.person(), Purpose.IDENTIFY)
    subject.network.sign_in.revoke(grant)
    subject.network.sign_in.revoke(grant)


@promise(Can.REFRESH, Can.FOLLOW)
def a_refreshed_grant_works_on_and_the_old_one_is_spent(subject: Subject) -> None:
    assert subject.network.sign_in
    who = subject.person()
    old = subject.expire(grant_of(subject, who))
    new = subject.network.sign_in.refresh(old)
    assert (new.actor_id, new.can_follow) == (old.actor_id, True)
    destination_of(subject).following(new, None)
    with pytest.raises(SignedOut):
        subject.network.sign_in.refresh(old)
