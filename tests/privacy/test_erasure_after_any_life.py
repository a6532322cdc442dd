"""After any life here, leaving leaves nothing: in tables, files and queues, in every encoding used."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any

import pytest
import zstandard
from sqlalchemy import MetaData, Row, select, text

from openportability.accounts import grant_store
from openportability.accounts import store as accounts
from openportability.db.schema import METADATA
from openportability.domain import UserId
from openportability.graph import store as lists
from openportability.privacy import store
from openportability.vault import PersonalKey, Unreadable
from tests.house import House
from tests.journeys.neighbourhood import Neighbourhood

STEPS = 6


class Life:
    """Somebody who does anything in any order; those who come first stay."""

    def __init__(self, house: House, luck: Random) -> None:
        self.house = house
        self.luck = luck
        self.place = Neighbourhood(house)
        self.others = [self.place.somebody() for _ in range(3)]
        for other in self.others:
            self.place.join(other)
        self.me = self.place.somebody()
        self.place.join(self.me, standing=luck.choice(["off", "ask", "automatic"]))
        #: Shown once, and then in nobody's hands but theirs.
        self.tokens: list[str] = []

    def run(self) -> None:
        self._brings()
        verbs = [
            self._brings,
            self._reconnects,
            self._takes_back,
            self._pauses,
            self._changes_their_mind,
            self._makes_a_token,
            self._takes_it_out,
            self._waits,
        ]
        for _ in range(STEPS):
            self.luck.choice(verbs)()

    def _brings(self) -> None:
        some = self.luck.sample(self.others, self.luck.randint(1, 3))
        self.place.bring(self.me, following=some, followers=some[:1])

    def _reconnects(self) -> None:
        self.place.reconnect(self.me)

    def _takes_back(self) -> None:
        self.me.browser.api("POST", "/reconnection/undo", {"scope": "all"})

    def _pauses(self) -> None:
        self.me.browser.api("POST", f"/reconnection/{self.luck.choice(['pause', 'resume'])}")

    def _changes_their_mind(self) -> None:
        found = self.luck.choice(["anyone", "confirmed", "nobody"])
        self.me.browser.api("PUT", "/consents", {"found": found})

    def _makes_a_token(self) -> None:
        self.me.browser.post("/settings/tokens", {"name": f"of {self.me.old_handle}"})

    def _takes_it_out(self) -> None:
        self.me.browser.api("GET", "/export")

    def _waits(self) -> None:
        self.place.later(minutes=self.luck.choice([1, 60, 3 * 24 * 60]))


def everything(house: House) -> list[bytes]:
    """Return every cell of every table there is, the queue's included, and every file."""
    found: list[bytes] = []
    there = MetaData()
    with house.site.db.read() as tx:
        there.reflect(tx.connection)
        for table in there.sorted_tables:
            for row in tx.execute(select(table)):
                found += [one if isinstance(one, bytes) else str(one).encode() for one in row]
    if house.site.db.dialect.name == "sqlite":
        with suppress(Exception), house.site.db.write() as tx:
            tx.connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    folder = house.site.settings.data_dir
    return [*found, *(path.read_bytes() for path in folder.rglob("*") if path.is_file())]


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


def secrets_of(house: House, user: UserId) -> tuple[list[str], list[int]]:
    """Return tokens at networks, and every number in the person's lists but those of people who are here."""
    words: list[str] = []
    with house.site.db.read() as tx:
        key = accounts.personal_key(tx, house.site.vault, user)
        for account in accounts.accounts_of(tx, user):
            grant = grant_store.live_grant(tx, key, account.id)
            if grant is not None:
                words += grant.secret.values()
        held = [
            number for _, keys in lists.open_lists(tx, house.site.vault, user) for number in keys
        ]
    return words, [int(number) for number in held]


@pytest.mark.parametrize("seed", [1, 2])
def test_after_any_life_nothing_is_left(house: House, seed: int) -> None:
    life = Life(house, Random(seed))
    life.run()
    me = life.me
    with house.site.db.read() as tx:
        user = max(store.everyone(tx))
        destroyed = accounts.personal_key(tx, house.site.vault, user)
        backup = {
            table.name: tx.execute(select(table)).all()
            for table in METADATA.sorted_tables
            if "user_id" in table.columns
        }
    tokens, listed = secrets_of(house, user)
    assert listed
    words = [me.old_handle, me.new_handle, me.new_id, str(me.number), *tokens]
    words += me.browser.cookies.values()
    others = {one.number for one in life.others}
    traces = forms(words, [me.number, *(set(listed) - others)])
    assert any(trace in cell for cell in everything(house) for trace in traces)

    me.browser.post("/leave")
    house.clock.forward(hours=1)
    house.turn()
    left = list(unpacked(everything(house)))
    for trace in traces:
        assert not any(trace in cell for cell in left), trace
    with house.site.db.read() as tx:
        for table in METADATA.sorted_tables:
            if "user_id" in table.columns:
                gone = select(table).where(table.c.user_id == user)
                assert tx.execute(gone).first() is None, table.name
    assert house.site.engine.health().waiting == 0
    # Who stayed is as they were.
    for other in life.others:
        assert other.browser.api("GET", "/me").status == 200
    _restored_without_the_key(house, user, backup["follow_lists"], destroyed)


def _restored_without_the_key(
    house: House, user: UserId, rows: Sequence[Row[Any]], destroyed: PersonalKey
) -> None:
    """What a backup has of the lists is what the destroyed key opened, and opens with none that is still there."""
    hers = [row for row in rows if row.user_id == user]
    assert hers
    for row in hers:
        place = f"follow_lists:{row.account_id}:{row.kind}"
        assert destroyed.open(row.sealed, place)
        with house.site.db.read() as tx:
            kept = [
                accounts.personal_key(tx, house.site.vault, other) for other in store.everyone(tx)
            ]
        for key in kept:
            with pytest.raises(Unreadable):
                key.open(row.sealed, place)
        with pytest.raises(Unreadable):
            house.site.vault.open(row.sealed, place)
