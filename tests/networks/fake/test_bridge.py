"""The bridge of the simulated world."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openportability.domain import ActorId
from openportability.networks.fake.residents import Role
from tests.networks.fake.stage import Stage


@pytest.mark.parametrize("role", [Role.INSTANCES, Role.REPOSITORY])
def test_a_copy_is_found_by_the_id_of_whom_it_is_of_and_can_be_followed_until_it_is_gone(
    role: Role,
) -> None:
    stage = Stage(role)
    twin = stage.network.twin
    assert twin
    me, grant = stage.somebody()
    original = replace(me, id=ActorId("elsewhere:1"))
    assert twin(original) is None
    kept = stage.subject.stage.ask("bridge", of=original.id, nick="copy")["id"]
    found = twin(original)
    assert found
    assert found.id == kept
    assert twin(replace(original, id=ActorId("elsewhere:2"))) is None
    (wish,) = stage.strangers(1)
    stage.follow(grant, [replace(wish, actor=found)])
    assert stage.subject.follows(me) == [kept]
    stage.subject.delete(found)
    assert twin(original) is None


def test_where_nobody_is_followed_there_is_no_copy() -> None:
    assert Stage(Role.SOURCE).network.twin is None
