"""What Prometheus reads: numbers by names that we chose ourselves, nothing about a person.

Counts of requests are those of the process that answers, what comes from the database is the same from each.
https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from openportability.clock import monotonic
from openportability.db.engine import Tx
from openportability.mail import store as mail
from openportability.operator import health, store
from openportability.site import Site
from openportability.web.measure import Tally

_SIGN_IN = "/auth/{network}/callback"
#: How long numbers stand that take a look at every row of the ledger.
_KEPT_SECONDS = 60.0

Labels = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One measure and its values by labels."""

    name: str
    kind: str
    help: str
    values: Iterable[tuple[Labels, float]]


class Ledger:
    """The counts of the ledger, looked at once a minute however often they are asked for."""

    def __init__(self) -> None:
        self._looking = Lock()
        self._counts: Mapping[tuple[str, str, str, str], int] = {}
        self._until = 0.0

    def counts(self, site: Site) -> Mapping[tuple[str, str, str, str], int]:
        """Return rows by network, deed, state and reason."""
        with self._looking:
            if monotonic() >= self._until:
                with site.db.read() as tx:
                    self._counts = store.count_reconnections(tx)
                self._until = monotonic() + _KEPT_SECONDS
            return self._counts


def exposition(families: Iterable[Family]) -> str:
    """Return the text that Prometheus reads."""
    return "".join(_lines(family) for family in families)


def of_process(tally: Tally, streams: int, line: int) -> list[Family]:
    """Return what this process counted."""
    return [
        Family(
            name="requests_total",
            kind="counter",
            help="Requests answered.",
            values=[({"route": r, "status": s}, n) for (r, s), n in tally.requests.items()],
        ),
        Family(
            name="request_seconds_total",
            kind="counter",
            help="Seconds until answers began, added up.",
            values=[({"route": route}, spent) for route, spent in tally.seconds.items()],
        ),
        Family(
            name="problems_total",
            kind="counter",
            help="Answers that told of a problem, by its code.",
            values=[({"route": r, "code": c}, n) for (r, c), n in tally.problems.items()],
        ),
        Family(
            name="sign_ins_total",
            kind="counter",
            help="Sign-ins that came back from a network, by outcome.",
            values=[({"outcome": outcome}, n) for outcome, n in _sign_ins(tally).items()],
        ),
        _gauge("streams", "Progress pages that are open.", [({}, streams)]),
        _gauge("line", "People who wait in line to bring lists.", [({}, line)]),
    ]


def of_site(site: Site, ledger: Ledger) -> list[Family]:
    """Return what the database and the job engine say; of a database that is away, only that."""
    parts = health.parts(site)
    up = [({"part": part}, float(said == health.OK)) for part, said in parts.items()]
    found = [_gauge("up", "Whether a part is as it should be.", up)]
    refused: list[tuple[Labels, float]] = [({}, site.db.refused)]
    jumped = health.clock_jumped(site).total_seconds()
    found.append(
        _gauge(
            "clock_set_seconds",
            "How far the clock was set lately: forward, or back.",
            [({}, jumped)],
        )
    )
    found.append(
        Family(
            name="writes_refused_total",
            kind="counter",
            help="Changes that this process could not write because the disk is full or read-only.",
            values=refused,
        )
    )
    if any(parts.get(part) != health.OK for part in ("database", "migrations")):
        return found
    now = site.clock.now()
    with site.db.read() as tx:
        people, of_networks = store.count_people(tx), _of_networks(tx, now)
        of_work, away = _of_work(tx, now), store.servers_away(tx, now)
    rows = ledger.counts(site).items()
    engine = site.engine.health()
    found += [
        _gauge("people", "People who take part.", [({}, people)]),
        *of_networks,
        *of_work,
        _gauge(
            "reconnections",
            "Rows of the ledger.",
            [({"network": n, "deed": d, "state": s, "reason": r}, v) for (n, d, s, r), v in rows],
        ),
        _gauge(
            "servers_away",
            "Servers that do not answer, a network's directory among them.",
            [({"network": name}, count) for name, count in away.items()],
        ),
        _gauge(
            "database_connections",
            "Database connections that this process uses now.",
            [({}, site.db.connections_in_use)],
        ),
        _gauge("jobs_waiting", "Wakes that wait.", [({}, engine.waiting)]),
        _gauge("jobs_running", "Jobs that run.", [({}, engine.running)]),
        _gauge("jobs_failed", "Jobs of this process that broke.", [({}, engine.failed)]),
    ]
    return found


def _of_work(tx: Tx, now: datetime) -> list[Family]:
    overdue, seen = store.overdue_since(tx, now), store.worker_seen(tx)
    behind, chores = store.sweeps_behind(tx), store.chores_seen(tx)
    mails, _ = mail.backlog(tx)
    ended = store.jobs_ended(tx).items()
    late = (now - overdue).total_seconds() if overdue else 0.0
    found = [
        _gauge("lanes_late_seconds", "How long the lane waits that is due longest.", [({}, late)]),
        _gauge(
            "sweep_behind",
            "Arrivals that the standing sweep has not seen.",
            [({"of": what}, count) for what, count in behind.items()],
        ),
        _gauge(
            "chore_silent_seconds",
            "Since a chore that comes every ten minutes or less often ran to its end.",
            [({"chore": name}, (now - ran).total_seconds()) for name, ran in chores.items()],
        ),
        Family(
            name="jobs_total",
            kind="counter",
            help="Jobs and chores that ended in any process, by outcome: done, or the code of the failure.",
            values=[({"job": job, "outcome": how}, count) for (job, how), count in ended],
        ),
        _gauge("mails_waiting", "Mails that are to be sent.", [({}, mails)]),
    ]
    if seen is not None:
        silent = max(0.0, (now - seen).total_seconds())
        found.append(_gauge("worker_silent_seconds", "Since a worker was at work.", [({}, silent)]))
    return found


def _of_networks(tx: Tx, now: datetime) -> list[Family]:
    lanes, spent = store.count_lanes(tx), store.count_spent(tx, now)
    resting = store.count_resting(tx, now)
    return [
        _gauge("lanes", "Lanes.", [({"network": n, "state": s}, v) for (n, s), v in lanes.items()]),
        _gauge(
            "lanes_spent",
            "Lanes whose budget with their network is used up for now.",
            [({"network": n}, v) for n, v in spent.items()],
        ),
        _gauge(
            "servers_resting",
            "Servers that are left alone for a while.",
            [({"network": n}, v) for n, v in resting.items()],
        ),
    ]


def _gauge(name: str, help: str, values: Iterable[tuple[Labels, float]]) -> Family:
    return Family(name=name, kind="gauge", help=help, values=values)


def _sign_ins(tally: Tally) -> Mapping[str, int]:
    back = [(route, n) for (route, status), n in tally.requests.items() if status in {"2xx", "3xx"}]
    outcomes = {"done": sum(n for route, n in back if route.startswith(_SIGN_IN))}
    for (route, code), count in tally.problems.items():
        if route.startswith(_SIGN_IN):
            outcomes[code] = outcomes.get(code, 0) + count
    return outcomes


def _lines(family: Family) -> str:
    name = f"openportability_{family.name}"
    lines = [f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}"]
    lines += [f"{name}{_labels(labels)} {value:.12g}" for labels, value in family.values]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    told = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{told}}}" if told else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
