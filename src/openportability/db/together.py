"""One transaction for all who come at the same time: a statement for fifty rows costs little more than one for one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Lock
from typing import Generic, TypeVar

from openportability.clock import monotonic
from openportability.db.engine import Database, Tx

#: As many as a worker does at a time: of fewer some would be left over, and go by themselves each time.
_MOST = 64
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
        #: Holds one answer in the end: True if this thread is to do what waits, False if it is done.
        #: An `Event` would take a tenth of what a slice costs.
        self.called: SimpleQueue[bool] = SimpleQueue()

    def result(self) -> Made:
        if self.errors:
            raise self.errors[0]
        return self.made[0]


class Together(Generic[Given, Made]):
    """Does for several threads in one transaction what each of them wants done.

    Who comes while one is under way goes into the next one. One thread alone never waits.
    """

    def __init__(self, db: Database, work: Callable[[Tx, Sequence[Given]], Sequence[Made]]) -> None:
        """Take what does it: one result for each given, in the same order."""
        self._db = db
        self._work = work
        #: Guards what follows.
        self._guard = Lock()
        #: Who is in no transaction yet, the oldest first.
        self.waiting: list[_Ticket[Given, Made]] = []
        self._led = False
        self._company = False

    def do(self, given: Given) -> Made:
        """Have it done and committed, with whatever waits; return the result, or raise its error."""
        ticket: _Ticket[Given, Made] = _Ticket(given)
        if self._leads(ticket) or ticket.called.get():
            try:
                self._lead(ticket)
            finally:
                self._hand_over()
        return ticket.result()

    def _leads(self, ticket: _Ticket[Given, Made]) -> bool:
        """Say whether it may begin at once; else it waits."""
        with self._guard:
            if self._led:
                self.waiting.append(ticket)
                return False
            self._led = True
            return True

    def _lead(self, own: _Ticket[Given, Made]) -> None:
        """Do its own, and what waits."""
        if self._company:
            self._linger()
        with self._guard:
            others, self.waiting = self.waiting[: _MOST - 1], self.waiting[_MOST - 1 :]
        self._company = bool(others)
        try:
            self._try([own, *others])
        finally:
            for ticket in others:
                ticket.called.put(False)

    def _linger(self) -> None:
        """Wait for more, until there are as many as go into one transaction."""
        until = monotonic() + _LINGER_SECONDS
        while len(self.waiting) < _MOST - 1 and monotonic() < until:
            time.sleep(_LINGER_SECONDS / 5)

    def _hand_over(self) -> None:
        """Let the one who waits longest lead next."""
        with self._guard:
            self._led = bool(self.waiting)
            if self._led:
                self.waiting.pop(0).called.put(True)

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
