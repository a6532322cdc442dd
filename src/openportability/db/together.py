"""One transaction for all who come at the same time: a statement for fifty rows costs little more than one for one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Generic, TypeVar

from openportability.db.engine import Database, Tx

#: Longer ones would keep others from what they hold.
_MOST = 50
#: Who had company the last time waits so long for more: at a hundred a second that is some, and nobody notices.
_LINGER_SECONDS = 0.005

Given = TypeVar("Given")
Made = TypeVar("Made")


class _Ticket(Generic[Given, Made]):
    """What one thread waits for: afterwards one of the two lists holds something, or it leads."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.made: list[Made] = []
        self.errors: list[Exception] = []
        #: Set when it is done, or when it is this thread's turn to do what waits.
        self.called = Event()

    @property
    def done(self) -> bool:
        return bool(self.made or self.errors)

    def result(self) -> Made:
        if self.errors:
            raise self.errors[0]
        return self.made[0]


class Together(Generic[Given, Made]):
    """Does for several threads in one transaction what each of them wants done.

    Who comes while a transaction is under way goes into the next one. One thread alone never waits.
    """

    def __init__(self, db: Database, work: Callable[[Tx, Sequence[Given]], Sequence[Made]]) -> None:
        """Take what does it: one result for each given, in the same order."""
        self._db = db
        self._work = work
        #: Guards what follows.
        self._guard = Lock()
        #: Who is not served yet, the oldest first.
        self.waiting: list[_Ticket[Given, Made]] = []
        self._led = False
        self._company = False

    def do(self, given: Given) -> Made:
        """Have it done and committed, with whatever waits; return the result, or raise its error."""
        ticket: _Ticket[Given, Made] = _Ticket(given)
        with self._guard:
            self.waiting.append(ticket)
            leads, self._led = not self._led, True
        if not leads:
            ticket.called.wait()
        if not ticket.done:
            try:
                self._lead()
            finally:
                self._hand_over()
        return ticket.result()

    def _lead(self) -> None:
        """Do what waits, the oldest first: our own is among it."""
        if self._company:
            time.sleep(_LINGER_SECONDS)
        with self._guard:
            tickets, self.waiting = self.waiting[:_MOST], self.waiting[_MOST:]
        self._company = len(tickets) > 1
        try:
            self._try(tickets)
        finally:
            for ticket in tickets:
                ticket.called.set()

    def _hand_over(self) -> None:
        """Let the one who waits longest do the next turn."""
        with self._guard:
            self._led = bool(self.waiting)
            if self.waiting:
                self.waiting[0].called.set()

    def _try(self, tickets: Sequence[_Ticket[Given, Made]]) -> None:
        """Do them in one transaction; what is wrong with one must not be the trouble of others."""
        try:
            with self._db.write() as tx:
                made = self._work(tx, [ticket.given for ticket in tickets])
        except Exception as error:  # noqa: BLE001 - it is raised where it belongs
            if len(tickets) == 1:
                tickets[0].errors.append(error)
                return
            for ticket in tickets:
                self._try([ticket])
            return
        for ticket, one in zip(tickets, made, strict=True):
            ticket.made.append(one)
