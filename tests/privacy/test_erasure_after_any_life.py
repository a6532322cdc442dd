"""After any life here, leaving leaves nothing: in tables, files and queues, in every encoding used."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import MetaData, delete, select

from openportability.accounts import grant_store
from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.db.move import move
from openportability.db.schema import METADATA, follow_lists, user_keys
from openportability.domain import UserId
from openportability.graph import store as lists
from openportability.graph.segment import Segment
from openportability.privacy import store
from openportability.vault import Unreadable
from tests import cast
from tests.examples import few
from tests.house import House, opened
from tests.journeys.neighbourhood import Neighbour, Neighbourhood

#: In each a new person lives and leaves.
LIVES = 2
VERBS = (
    "brings",
    "reconnects",
    "takes back",
    "pauses",
    "resumes",
    "hides",
    "makes a token",
    "takes it out",
    "waits",
)


@pytest.fixture
def house(database_url: str, tmp_path: Path, clock: MovedClock) -> Iterator[House]:
    """A site whose data directory holds all its files; a segment from the first list on."""
    folder = tmp_path if database_url.startswith("sqlite") else tmp_path / "site"
    with opened(folder, database_url, clock, SEGMENTS_FROM_LINKS="1") as made:
        yield made


class Town:
    """Those who stay, so that a newcomer finds somebody."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.place = Neighbourhood(house)
        self.others = [self.place.somebody() for _ in range(2)]
        for other in self.others:
            self.place.join(other)
        # They have lists of their own, and so there is a segment after anybody leaves.
        self.place.bring(self.others[0], following=[self.others[1]])

    def newcomer(self, standing: str) -> Neighbour:
        me = self.place.somebody()
        self.place.join(me, standing=standing)
        self.does(me, "brings")
        return me

    def does(self, me: Neighbour, verb: str) -> None:
        match verb:
            case "brings":
                self.place.bring(me, following=self.others, followers=self.others[:1])
            case "reconnects":
                # Who follows everybody by now is offered no plan.
                if any(
                    form.action == "/reconnect/plan" for form in me.browser.get("/matches").forms
                ):
                    self.place.reconnect(me)
            case "takes back":
                me.browser.api("POST", "/reconnection/undo", {"scope": "all"})
            case "pauses":
                me.browser.api("POST", "/reconnection/pause")
            case "resumes":
                me.browser.api("POST", "/reconnection/resume")
            case "hides":
                me.browser.api("PUT", "/consents", {"found": "nobody"})
            case "makes a token":
                me.browser.post("/settings/tokens", {"name": f"of {me.old_handle}"})
            case "takes it out":
                me.browser.api("GET", "/export")
            case "waits":
                self.place.later(minutes=24 * 60)


def everything(house: House) -> bytes:
    """Return every cell of every table there is, the queue's included, and every file."""
    found: list[bytes] = []
    there = MetaData()
    with house.site.db.read() as tx:
        there.reflect(tx.connection)
        for table in there.sorted_tables:
            for row in tx.execute(select(table)):
                found += [one if isinstance(one, bytes) else str(one).encode() for one in row]
    files = [path for path in house.site.settings.data_dir.rglob("*") if path.is_file()]
    assert set(cast.segments(house.site)) & set(files)
    found += [path.read_bytes() for path in files]
    return b"\n".join(unpacked(found))


def unpacked(cells: Sequence[bytes]) -> Iterator[bytes]:
    """Yield each cell as it is, and what it is if it is packed."""
    for cell in cells:
        yield cell
        for unpack in (zlib.decompress, gzip.decompress, zstandard.decompress):
            with suppress(Exception):
                yield unpack(cell)


def forms(words: Sequence[str], numbers: Sequence[int]) -> set[bytes]:
    """Return words and numbers in every way in which something of ours writes them."""
    plain = {word.encode() for word in words}
    plain |= {json.dumps(word)[1:-1].encode() for word in words}
    plain |= {one.to_bytes(8, order) for one in numbers for order in ("little", "big")}
    packed = {encode(one) for one in plain for encode in (base64.b64encode, base64.b16encode)}
    packed |= {one.hex().encode() for one in plain}
    return {one.rstrip(b"=") for one in plain | packed if len(one) >= 6}


def secrets_of(house: House, user: UserId) -> list[str]:
    """Return the person's tokens at networks."""
    words: list[str] = []
    with house.site.db.read() as tx:
        key = accounts.personal_key(tx, house.site.vault, user)
        for account in accounts.accounts_of(tx, user):
            grant = grant_store.live_grant(tx, key, account.id)
            words += grant.secret.values() if grant is not None else ()
    return words


def saved(house: House, file: Path, migrated: Path) -> None:
    """Write a backup, as a file that either database can give."""
    shutil.copy(migrated, file)
    into = Database(f"sqlite:///{file}")
    move(house.site.db, into)
    into.close()


def newest(house: House) -> UserId:
    with house.site.db.read() as tx:
        return max(store.everyone(tx))


@pytest.mark.slow
def test_after_any_life_nothing_is_left(
    house: House, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    town = Town(house)
    backup = tmp_path_factory.mktemp("backups") / "site.db"

    @settings(
        few(LIVES),
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        standing=st.sampled_from(["off", "ask", "automatic"]),
        verbs=st.lists(st.sampled_from(VERBS), min_size=2, max_size=4),
    )
    def lives_and_leaves(standing: str, verbs: list[str]) -> None:
        me = town.newcomer(standing)
        for verb in verbs:
            town.does(me, verb)
        saved(house, backup, migrated_sqlite)
        leaves(house, me, backup)

    lives_and_leaves()
    # Who stayed is as they were.
    for other in town.others:
        assert other.browser.api("GET", "/me").status == 200


def leaves(house: House, me: Neighbour, backup: Path) -> None:
    user = newest(house)
    words = [me.old_handle, me.new_handle, me.new_id, str(me.number)]
    words += [*secrets_of(house, user), *me.browser.cookies.values()]
    traces = forms(words, [me.number])
    before = everything(house)
    assert any(trace in before for trace in traces)

    me.browser.post("/leave")
    for _ in range(2):
        house.clock.forward(hours=11)
        house.turn()
    house.clock.forward(hours=2)
    house.turn()
    left = everything(house)
    assert [trace for trace in traces if trace in left] == []
    assert house.site.engine.health().waiting == 0
    in_no_row(house, user)
    in_no_segment(house, user)
    in_no_backup(house, user, backup)


def in_no_row(house: House, user: UserId) -> None:
    with house.site.db.read() as tx:
        for table in METADATA.sorted_tables:
            if "user_id" in table.columns:
                gone = select(table).where(table.c.user_id == user)
                assert tx.execute(gone).first() is None, table.name


def in_no_segment(house: House, user: UserId) -> None:
    """The file is made anew of the lists that are left: the number of who left is nobody's in it."""
    everybody = [one.number for one in Neighbourhood(house)._settled()]
    for path in cast.segments(house.site):
        segment = Segment(path.open("rb"), house.site.vault)
        _, owners = segment.holders(np.array(everybody, np.uint64))
        assert user not in owners.tolist()
        segment.close()


def in_no_backup(house: House, user: UserId, file: Path) -> None:
    """A backup that is put back has the lists; without the destroyed key nothing there opens them."""
    restored = Database(f"sqlite:///{file}")
    with restored.read() as tx:
        assert lists.open_lists(tx, house.site.vault, user), "nothing was saved"
    with restored.write() as tx:
        tx.execute(delete(user_keys).where(user_keys.c.user_id == user))
    with restored.read() as tx:
        rows = tx.execute(select(follow_lists).where(follow_lists.c.user_id == user)).all()
        keys = [
            accounts.personal_key(tx, house.site.vault, one)
            for one in tx.execute(select(user_keys.c.user_id)).scalars()
        ]
        assert rows
        assert keys
        for row in rows:
            place = f"follow_lists:{row.account_id}:{row.kind}"
            for key in keys:
                with pytest.raises(Unreadable):
                    key.open(row.sealed, place)
            with pytest.raises(Unreadable):
                house.site.vault.open(row.sealed, place)
        assert lists.open_lists(tx, house.site.vault, user) == []
    restored.close()
