"""Two users become one while a worker serves a lane of the one that goes."""

from __future__ import annotations

import pytest

from openportability.accounts import store as accounts
from openportability.db.engine import Database
from openportability.networks.fake.residents import Role
from openportability.reconnection.rules import State
from tests.merging.together import bring_together
from tests.reconnection.stage import Stage, follow_writes


@pytest.fixture(params=[Role.INSTANCES, Role.REPOSITORY], ids=["herd", "sky"])
def stage(request: pytest.FixtureRequest, db: Database) -> Stage:
    return Stage(db, request.param)


def _joins(stage: Stage) -> None:
    """Let somebody else become the user of the stage, who goes."""
    with stage.db.write() as tx:
        user = accounts.create_user(tx, stage.site.vault, "en", stage.clock.now())
        accounts.choose(tx, user, pace="full")
    bring_together(stage.site, user, stage.me)
    stage.user = user


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("verb", ["relationships", "follow"])
def test_a_slice_under_way_ends_as_if_killed_and_each_is_followed_once(
    stage: Stage, moment: str, verb: str
) -> None:
    people = [stage.member() for _ in range(3)]
    stage.want(*people)
    hooks = getattr(stage.watched, moment)
    hooks[verb] = lambda: _joins(stage)
    assert stage.serve()  # due again: nobody waits for a lease to lapse
    assert (stage.lane().user, stage.lane().lease) == (stage.user, None)
    stage.pass_days(2)
    assert stage.states() == [State.FOLLOWED] * 3
    assert sorted(stage.follows()) == sorted(one.actor.id for one in people)
    assert follow_writes(stage) == 3
    stage.undo()
    stage.pass_days(2)
    assert stage.states() == [State.UNDONE] * 3
    assert stage.follows() == []


def test_an_undo_under_way_is_finished_by_who_is_left(stage: Stage) -> None:
    people = [stage.member() for _ in range(2)]
    stage.want(*people)
    stage.pass_days(1)
    stage.undo()
    stage.watched.after["unfollow"] = lambda: _joins(stage)
    stage.serve()
    stage.pass_days(2)
    assert set(stage.states()) <= {State.UNDONE}
    assert stage.follows() == []
